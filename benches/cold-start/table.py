"""Prints what was metered as Markdown: `table.py STARTS DECISIONS`."""

import json
import sys
from pathlib import Path
from typing import Any

HOT = ("receipt-ingestion", "event-relay", "rule-evaluation")


def lines(path: str) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def met(value: float, bound: float, at_most: bool = True) -> str:
    """Whether a goal is met, in words."""
    return "met" if (value <= bound if at_most else value >= bound) else "**not met**"


def main() -> None:
    """Two tables of what was measured, and one of the goals."""
    starts, decisions = lines(sys.argv[1]), lines(sys.argv[2])
    of = {start["name"]: start for start in starts}
    empty, boto3 = of["empty"]["init_ms"], of["boto3"]["init_ms"]
    print("| function | binary, MB | init, ms | × empty | memory, MB |\n|---|---|---|---|---|")
    for start in starts:
        size = "" if start["size_mb"] is None else f"{start['size_mb']:.1f}"
        ratio = start["init_ms"] / empty
        print(f"| {start['name']} | {size} | {start['init_ms']:.1f} | {ratio:.2f} | {start['memory_mb']:.1f} |")
    print("\n| first work | rules | init, ms | cold, ms | warm, ms | memory, MB |\n|---|---|---|---|---|---|")
    for each in decisions:
        numbers = " | ".join(f"{each[key]:.1f}" for key in ("init_ms", "first_ms", "warm_ms", "memory_mb"))
        print(f"| {each['name']} | {each.get('rules', '')} | {numbers} |")
    ours = [start for start in starts if start["name"] not in ("empty", "boto3")]
    slowest = max(start["init_ms"] for start in ours)
    largest = max(start["size_mb"] for start in ours if start["name"] in HOT)
    memory = max(each["memory_mb"] for each in decisions if each.get("rules", 0) <= 1_000)
    print("\n| goal | what | measured | goal | |\n|---|---|---|---|---|")
    print(f"| G7 | init of the slowest ÷ empty | {slowest / empty:.2f} | ≤ 1.5 | {met(slowest / empty, 1.5)} |")
    faster = boto3 / slowest
    print(f"| G7 | times faster than Python with boto3 | {faster:.0f} | ≥ 50 | {met(faster, 50, at_most=False)} |")
    print(f"| G8 | largest binary of the hot path, MB | {largest:.1f} | ≤ 6 | {met(largest, 6)} |")
    print(f"| G8 | peak memory of a receipt, up to 1,000 rules, MB | {memory:.1f} | ≤ 24 | {met(memory, 24)} |")


main()
