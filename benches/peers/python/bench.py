"""Measures engines from PyPI on W1. Prints one JSON object per line.

    python3 bench.py DATA [--sizes 10,100,1000,10000] [--seconds 3]

`--seconds` bounds how long one engine is timed at one size; a slow one is timed on the first receipts only.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import rule_engine
import zen

Points = Callable[[dict], int]


def read_lines(path: Path) -> list[dict]:
    """One JSON value per line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def with_zen(folder: Path, size: int, _rules: list[dict]) -> Points:
    """GoRules Zen, a decision table."""
    content = zen.ZenDecisionContent((folder / f"zen_{size}.json").read_text(encoding="utf-8"))
    decision = zen.ZenEngine().create_decision(content)
    return lambda receipt: sum(row["points"] for row in decision.evaluate(receipt)["result"])


def with_rule_engine(_folder: Path, _size: int, rules: list[dict]) -> Points:
    """The package rule-engine, with one expression per rule."""

    def listed(values: list[str]) -> str:
        return "[" + ", ".join(f'"{value}"' for value in values) + "]"

    tests = []
    for rule in rules:
        parts = [f'"{rule["category"]}" in categories']
        if rule["stores"]:
            parts.append(f"store in {listed(rule['stores'])}")
        parts.append(f"tier in {listed(rule['tiers'])}")
        parts.append(f"day >= {rule['from']} and day <= {rule['to']} and total >= {rule['min_amount']}")
        tests.append((rule_engine.Rule(" and ".join(parts)), rule["k"]))
    return lambda receipt: math.floor(receipt["total"]) * sum(k for test, k in tests if test.matches(receipt))


PEERS = {"zen-engine (PyPI)": with_zen, "rule-engine (PyPI)": with_rule_engine}


def measure(folder: Path, size: int, budget: float, prepare: Callable[..., Points]) -> dict:
    """Times an engine at one size, and checks its results."""
    rules = json.loads((folder / f"rules_{size}.json").read_text(encoding="utf-8"))
    receipts = read_lines(folder / "receipts.jsonl")
    expected = [outcome["points"] for outcome in read_lines(folder / f"expected_{size}.jsonl")]
    start = time.perf_counter_ns()
    points = prepare(folder, size, rules)
    build = time.perf_counter_ns() - start
    start = time.perf_counter_ns()
    for receipt in receipts[:3]:
        points(receipt)
    each = (time.perf_counter_ns() - start) / 3
    count = min(len(receipts), max(3, int(budget / 3 / each)))
    wrong = sum(points(receipt) != right for receipt, right in zip(receipts[:count], expected))
    # Minimum time per slice of about a millisecond, so that some pass of each is not interrupted.
    size_of_slice = min(50, max(1, int(1e6 / each)))
    times = [math.inf] * math.ceil(count / size_of_slice)
    begun, rounds = time.perf_counter_ns(), 0
    while rounds < 2 or time.perf_counter_ns() - begun < budget:
        for place in range(len(times)):
            start = time.perf_counter_ns()
            for receipt in receipts[place * size_of_slice : min((place + 1) * size_of_slice, count)]:
                points(receipt)
            times[place] = min(times[place], time.perf_counter_ns() - start)
        rounds += 1
    return {"receipts": count, "nanoseconds": sum(times), "build_nanoseconds": build, "wrong": wrong}


def main() -> None:
    """Measures every engine at every size."""
    parser = argparse.ArgumentParser(description="the engines of PyPI on W1")
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", default="10,100,1000,10000")
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    for engine, prepare in PEERS.items():
        for size in map(int, options.sizes.split(",")):
            try:
                result = measure(options.data / "w1", size, options.seconds * 1e9, prepare)
            except (RuntimeError, ValueError, rule_engine.errors.EngineError) as error:
                result = {"error": str(error)[:200]}
            print(json.dumps({"engine": engine, "workload": "w1", "rules": size, **result}), flush=True)


if __name__ == "__main__":
    main()
