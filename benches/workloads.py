"""Generates the workloads: rules, receipts and expected outcomes, deterministic by seed.

    python3 workloads.py DIR [--sizes 10,100,1000,10000]

DIR/w1 holds lists of rules that begin alike: the first N of 10,000. The more rules, the more of them fire.
DIR/w3 holds the first 100 rules of W1 and beyond them only rules that cannot fire on these receipts, so that the same
comes out for every N: what grows is the search alone.

A rule fires on a receipt when the store is one of `stores` (none: any), one of its lines has `category`, the customer's
tier is one of `tiers`, its day lies in `from` .. `to` (both included), and its total is at least `min_amount`; it credits
`k` points for each whole unit of the total. All rules that can fire do. `expected_N.jsonl` holds the outcome.

`lines_N.jsonl` holds the outcome under another reading, the usual one in a shop: only the lines of the category count, for
the threshold as for the points, and what is rounded down is the product with `k`.
"""

import argparse
import hashlib
import json
import random
import sys
from itertools import accumulate
from pathlib import Path

SEED = 20_250_101
RECEIPTS = 1_000
RULES = 10_000
LIVE = 100
CATEGORIES = 200
LAST_DAY = 364
# Digests of rules and receipts: comparable measurements need identical workloads.
FINGERPRINT = "b17474493af37884"

STORES = [f"s{number:03d}" for number in range(200)]
TIERS = ["base", "silver", "gold", "platinum"]
TIER_WEIGHTS = [60, 25, 11, 4]
THRESHOLDS = [0, 5, 10, 20, 30, 50, 75, 100]
# A few categories have most sales.
POPULARITY = list(accumulate(1 / (place**0.8) for place in range(1, CATEGORIES + 1)))


def a_category(dice: random.Random) -> int:
    """The index of a category, by popularity."""
    return dice.choices(range(CATEGORIES), cum_weights=POPULARITY)[0]


def a_rule(number: int, dice: random.Random) -> dict:
    """One rule."""
    stores = []
    if dice.random() >= 0.2:
        stores = sorted(dice.sample(STORES, dice.randint(1, 20)))
    category = a_category(dice)
    tiers = sorted(dice.sample(TIERS, dice.randint(1, len(TIERS))))
    first = dice.randint(0, 350)
    last = min(LAST_DAY, first + dice.randint(7, 90) - 1)
    return {
        "id": f"r{number:05d}",
        "stores": stores,
        "category": f"c{category:05d}",
        "tiers": tiers,
        "from": first,
        "to": last,
        "min_amount": dice.choice(THRESHOLDS),
        "k": dice.randint(1, 5),
    }


def a_line(dice: random.Random) -> tuple[int, dict]:
    """A line of a receipt, preceded by its amount in cents."""
    category, quantity, price = a_category(dice), dice.randint(1, 3), dice.randint(99, 1999)
    cents = price * quantity
    sku = f"p{category:05d}-{dice.randint(0, 14):02d}"
    return cents, {"sku": sku, "category": f"c{category:05d}", "qty": quantity, "amount": cents / 100}


def a_receipt(number: int, dice: random.Random) -> dict:
    """A receipt of 1 to 20 lines."""
    lines = [a_line(dice) for _ in range(dice.randint(1, 20))]
    return {
        "id": f"t{number:04d}",
        "store": dice.choice(STORES),
        "tier": dice.choices(TIERS, TIER_WEIGHTS)[0],
        "day": dice.randint(0, LAST_DAY),
        "total": sum(cents for cents, _ in lines) / 100,
        "categories": sorted({line["category"] for _, line in lines}),
        "lines": [line for _, line in lines],
    }


def rules_of(workload: str) -> list[dict]:
    """All rules of a workload; smaller sizes are prefixes."""
    dice = random.Random(SEED)
    if workload == "w1":
        return [a_rule(number, dice) for number in range(RULES)]
    live = [a_rule(number, dice) for number in range(LIVE)]
    others = random.Random(SEED + 7)
    silent = [a_rule(number, others) for number in range(RULES)]
    for number, rule in enumerate(silent):
        if number % 2 == 0:
            # A category without products.
            rule["category"] = f"c{10_000 + number // 2 % 5_000:05d}"
        else:
            # Not yet in force.
            rule["from"], rule["to"] = 400 + number % 30, 460
    rules = live + silent
    for number, rule in enumerate(rules):
        rule["id"] = f"r{number:05d}"
    return rules


def cents_of(amount: float) -> int:
    """An amount in cents."""
    return round(amount * 100)


def scoped(rules: list[dict], receipt: dict) -> list[dict]:
    """The rules whose store, category, tier and days match a receipt."""
    categories = set(receipt["categories"])
    return [
        rule
        for rule in rules
        if rule["category"] in categories
        and rule["from"] <= receipt["day"] <= rule["to"]
        and receipt["tier"] in rule["tiers"]
        and (not rule["stores"] or receipt["store"] in rule["stores"])
    ]


def by_total(rules: list[dict], receipt: dict) -> dict:
    """The outcome when the whole receipt counts."""
    total = cents_of(receipt["total"])
    fired = [rule for rule in rules if total >= rule["min_amount"] * 100]
    points = sum(total // 100 * rule["k"] for rule in fired)
    return {"id": receipt["id"], "points": points, "fired": [rule["id"] for rule in fired]}


def by_lines(rules: list[dict], receipt: dict) -> dict:
    """The outcome when only the lines of the category count."""
    amounts: dict[str, int] = {}
    for line in receipt["lines"]:
        amounts[line["category"]] = amounts.get(line["category"], 0) + cents_of(line["amount"])
    fired = [rule for rule in rules if amounts[rule["category"]] >= rule["min_amount"] * 100]
    points = sum(amounts[rule["category"]] * rule["k"] // 100 for rule in fired)
    return {"id": receipt["id"], "points": points, "fired": [rule["id"] for rule in fired]}


def text_of(value: object) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


def write_lines(path: Path, values: list[dict]) -> None:
    """One JSON value a line."""
    path.write_text("".join(text_of(value) + "\n" for value in values), encoding="utf-8")


def fingerprint(values: list[list[dict]]) -> str:
    """A short digest of lists of rules and receipts."""
    digest = hashlib.sha256()
    for listed in values:
        digest.update(text_of(listed).encode())
    return digest.hexdigest()[:16]


def main() -> int:
    """Writes all files; the exit code is 1 if this Python's random numbers differ from the expected ones."""
    parser = argparse.ArgumentParser(description="makes the workloads of the benchmarks")
    parser.add_argument("out", type=Path)
    parser.add_argument("--sizes", default="10,100,1000,10000")
    options = parser.parse_args()
    dice = random.Random(SEED + 1)
    receipts = [a_receipt(number, dice) for number in range(RECEIPTS)]
    rules_by_name = {name: rules_of(name) for name in ("w1", "w3")}
    made = fingerprint([receipts, *rules_by_name.values()])
    if made != FINGERPRINT:
        print(f"these are other rules and receipts than before: {made}, not {FINGERPRINT}", file=sys.stderr)
        return 1
    for workload, rules in rules_by_name.items():
        folder = options.out / workload
        folder.mkdir(parents=True, exist_ok=True)
        write_lines(folder / "receipts.jsonl", receipts)
        for size in map(int, options.sizes.split(",")):
            if workload == "w3" and size < LIVE:
                continue
            listed = rules[:size]
            (folder / f"rules_{size}.json").write_text(text_of(listed), encoding="utf-8")
            met = [scoped(listed, receipt) for receipt in receipts]
            for name, reading in (("expected", by_total), ("lines", by_lines)):
                outcomes = [reading(scope, receipt) for scope, receipt in zip(met, receipts)]
                write_lines(folder / f"{name}_{size}.jsonl", outcomes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
