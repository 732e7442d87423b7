"""Writes the rules of W1 in the formats of the peers, beside the workloads of `workloads.py`.

    python3 forms.py DIR [--sizes 10,100,1000,10000]

`zen_N.json` is a decision table of GoRules Zen: a row for each rule, all rows that match are collected. `logic_N.json` is a
list of JSON Logic expressions, one for each rule.
"""

import argparse
import json
from pathlib import Path


def node(name: str, kind: str, place: int, **content: object) -> dict:
    """A node of a decision graph."""
    return {"id": name, "name": name, "type": kind, "position": {"x": place, "y": 0}, **content}


def choices(values: list[str]) -> str:
    """A cell that matches any of some texts; an empty one always matches."""
    return ", ".join(f"'{value}'" for value in values)


def row(rule: dict) -> dict:
    """A row of the decision table."""
    return {
        "_id": rule["id"],
        "store": choices(rule["stores"]),
        "categories": f"contains($, '{rule['category']}')",
        "tier": choices(rule["tiers"]),
        "day": f"[{rule['from']}..{rule['to']}]",
        "total": f">= {rule['min_amount']}",
        "points": f"floor(total) * {rule['k']}",
    }


def decision_table(rules: list[dict]) -> dict:
    """All rules as one decision table."""
    fields = ["store", "categories", "tier", "day", "total"]
    table = {
        "hitPolicy": "collect",
        "inputs": [{"id": name, "name": name, "field": name} for name in fields],
        "outputs": [{"id": "points", "name": "points", "field": "points"}],
        "rules": [row(rule) for rule in rules],
    }
    return {
        "nodes": [
            node("in", "inputNode", 0),
            node("table", "decisionTableNode", 1, content=table),
            node("out", "outputNode", 2),
        ],
        "edges": [
            {"id": "e1", "type": "edge", "sourceId": "in", "targetId": "table"},
            {"id": "e2", "type": "edge", "sourceId": "table", "targetId": "out"},
        ],
    }


def logic(rule: dict) -> dict:
    """A rule as a JSON Logic expression."""
    tests: list[dict] = [{"in": [rule["category"], {"var": "categories"}]}]
    if rule["stores"]:
        tests.append({"in": [{"var": "store"}, rule["stores"]]})
    tests.append({"in": [{"var": "tier"}, rule["tiers"]]})
    tests.append({"<=": [rule["from"], {"var": "day"}, rule["to"]]})
    tests.append({">=": [{"var": "total"}, rule["min_amount"]]})
    return {"and": tests}


def main() -> None:
    """Writes the files of every size."""
    parser = argparse.ArgumentParser(description="writes the rules as the peers want them")
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", default="10,100,1000,10000")
    options = parser.parse_args()
    folder = options.data / "w1"
    for size in options.sizes.split(","):
        rules = json.loads((folder / f"rules_{size}.json").read_text(encoding="utf-8"))
        for name, form in (("zen", decision_table(rules)), ("logic", [logic(rule) for rule in rules])):
            (folder / f"{name}_{size}.json").write_text(json.dumps(form), encoding="utf-8")


if __name__ == "__main__":
    main()
