"""Prints the measurements of a run as Markdown: times, growth, sizes, goals.

    python3 table.py results.jsonl
"""

import json
import math
import sys
from pathlib import Path

OURS = "tessera"
SIZES = [10, 100, 1_000, 10_000]
READINGS = {"total": "same answers as the peers", "lines": "the lines of the category alone"}
RECEIPTS = 1_000

Results = list[dict]


def least(results: Results) -> Results:
    """One result per measurement: that of the minimum time, with the errors of all rounds."""
    kept: dict[tuple, dict] = {}
    for result in results:
        key = tuple(str(result.get(name)) for name in ("engine", "workload", "reading", "rules", "size"))
        if key not in kept:
            kept[key] = result
            continue
        wrong = max(result.get("wrong", 0), kept[key].get("wrong", 0))
        if each(result) < each(kept[key]):
            kept[key] = result
        kept[key]["wrong"] = wrong
    return list(kept.values())


def each(result: dict) -> float:
    """Microseconds per receipt."""
    if "nanoseconds" not in result:
        return math.inf
    return result["nanoseconds"] / result["receipts"] / 1_000


def find(results: Results, **wanted: object) -> dict | None:
    """The result with these values."""
    found = [result for result in results if all(result.get(name) == value for name, value in wanted.items())]
    return found[0] if found else None


def time_of(results: Results, **wanted: object) -> float:
    """The microseconds per receipt of a result; infinite when it is missing."""
    found = find(results, **wanted)
    return each(found) if found else math.inf


def digits(number: float) -> str:
    """A number with three significant digits.

    >>> digits(0.0512), digits(3.14159), digits(26.04), digits(1217.3), digits(683000.0)
    ('0.051', '3.1', '26', '1,217', '683,000')
    """
    if number >= 10:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 1 else f"{number:.3f}"


def cell(result: dict | None, ours: float | None) -> str:
    """A time with its ratio to ours, and its errors."""
    if result is None:
        return ""
    if "error" in result:
        return result["error"].split(":")[0]
    text = digits(each(result))
    if ours:
        text += f" ({digits(each(result) / ours)} ×)"
    if result["receipts"] < RECEIPTS:
        text += " *"
    return text + (f" {result['wrong']} WRONG" if result.get("wrong") else "")


def table(head: list[str], rows: list[list[str]]) -> None:
    """A table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def peers(results: Results) -> list[str]:
    """The peers, fastest at 1,000 rules first."""
    names = {result["engine"] for result in results if result.get("engine") and "reading" not in result}
    return sorted(names, key=lambda name: time_of(results, engine=name, rules=1_000))


def print_times(results: Results) -> None:
    """W1: Tessera, the parsing of a receipt's JSON, and the peers."""

    def row(name: str, ratio: bool, **wanted: object) -> list[str]:
        cells = [name]
        for size in SIZES:
            ours = time_of(results, engine=OURS, workload="w1", reading="total", rules=size)
            cells.append(cell(find(results, workload="w1", rules=size, **wanted), ours if ratio else None))
        return cells

    rows = []
    for reading, meaning in READINGS.items():
        rows.append(row(f"**Tessera**, {meaning}", False, engine=OURS, reading=reading))
        rows.append(row("… finding the rules to verify", False, engine="search", reading=reading))
        rows.append(row("… the JSON of its receipt, `serde_json`", False, engine="serde_json", reading=reading))
        rows.append(row("… reading and checking that", False, engine="read_receipt", reading=reading))
    rows += [row(name, True, engine=name) for name in peers(results)]
    print("### W1: µs per receipt (ratio to the first line)\n")
    table(["engine"] + [f"{size:,} rules" for size in SIZES], rows)
    print(f"\\* measured on the first receipts of {RECEIPTS:,} only\n")


def growth(results: Results, reading: str) -> float:
    """The growth exponent of time from 100 to 10,000 rules."""
    few = time_of(results, engine=OURS, workload="w3", reading=reading, rules=100)
    many = time_of(results, engine=OURS, workload="w3", reading=reading, rules=10_000)
    return math.log(many / few) / math.log(100) if math.isfinite(many) else math.inf


def print_growth(results: Results) -> None:
    """W3: the same outcome whatever the number of rules."""
    sizes = SIZES[1:]
    rows = []
    for reading, meaning in READINGS.items():
        found = [find(results, engine=OURS, workload="w3", reading=reading, rules=size) for size in sizes]
        cells = [cell(result, None) for result in found] + [f"{growth(results, reading):.2f}"]
        last = found[-1]
        cells += [f"{last['verified']:,}", f"{last['fired']:,}"] if last else ["", ""]
        rows.append([f"**Tessera**, {meaning}", *cells])
        search = [find(results, engine="search", workload="w3", reading=reading, rules=size) for size in sizes]
        rows.append(["… finding the rules to verify", *(cell(result, None) for result in search), "", "", ""])
    print("### W3: µs per receipt, where only the number of silent rules grows\n")
    table(["engine"] + [f"{size:,} rules" for size in sizes] + ["exponent", "verified", "fired"], rows)


def print_building(results: Results) -> None:
    """The time to load a program."""
    rows = []
    for size in SIZES:
        ours = find(results, engine=OURS, workload="w1", reading="lines", rules=size)
        if ours:
            read, build = ours["read_nanoseconds"] / 1e6, ours["build_nanoseconds"] / 1e6
            index = ours["index_bytes"] / size
            rows.append([f"{size:,}", digits(read), digits(build), digits(index)])
    print("### Making the program of W1 ready\n")
    table(["rules", "reading and checking the document, ms", "compiling, ms", "index, bytes per rule"], rows)


def print_sizes(results: Results) -> None:
    """The sizes of stored items."""
    print("### Packed bytes\n")
    table(
        ["what", "bytes", "at most"],
        [[result["size"], f"{result['bytes']:,}", f"{result['most']:,}"] for result in results if "size" in result],
    )


def goals(results: Results) -> list[tuple[str, str, float, str, float]]:
    """A goal: name, description, measured value, comparison, limit."""
    found = []
    for reading, meaning in READINGS.items():
        for size, factor in ((1_000, 30), (10_000, 60)):
            fastest = min((time_of(results, engine=name, rules=size) for name in peers(results)), default=math.nan)
            ratio = fastest / time_of(results, engine=OURS, workload="w1", reading=reading, rules=size)
            found.append(("G1", f"times the fastest peer at {size:,} rules; {meaning}", ratio, "≥", factor))
        slow = time_of(results, engine="json-rules-engine (npm)", rules=10_000)
        ratio = slow / time_of(results, engine=OURS, workload="w1", reading=reading, rules=10_000)
        found.append(("G1", f"times json-rules-engine at 10,000 rules; {meaning}", ratio, "≥", 5_000))
    # A receipt as a shop sends it, under both readings.
    parse = time_of(results, engine="serde_json", workload="w1", reading="lines", rules=10_000)
    for reading, meaning in READINGS.items():
        ours = time_of(results, engine=OURS, workload="w1", reading=reading, rules=10_000)
        found.append(("G2", f"deciding by 10,000 rules ÷ parsing the receipt's JSON; {meaning}", ours / parse, "≤", 1))
    for reading, meaning in READINGS.items():
        found.append(("G3", f"exponent of W3 from 100 to 10,000 rules; {meaning}", growth(results, reading), "≤", 0.15))
    ours = find(results, engine=OURS, workload="w3", reading="total", rules=10_000)
    if ours:
        found.append(("G3", "rules verified ÷ rules fired in W3", ours["verified"] / ours["fired"], "≤", 2))
    ours = find(results, engine=OURS, workload="w1", reading="lines", rules=10_000)
    if ours:
        found.append(("G6", "bytes of the index for each of 10,000 rules of W1", ours["index_bytes"] / 10_000, "≤", 64))
    found += [("G6", f"bytes: {it['size']}", it["bytes"], "≤", it["most"]) for it in results if "size" in it]
    return found


def print_goals(results: Results) -> None:
    """The verdict as text."""
    rows = []
    for goal, meaning, measured, comparison, bound in goals(results):
        met = measured >= bound if comparison == "≥" else measured <= bound
        known = math.isfinite(measured)
        verdict = ("met" if met else "**not met**") if known else "not measured"
        rows.append([goal, meaning, digits(measured) if known else "", f"{comparison} {bound:,}", verdict])
    print("### Goals\n")
    table(["goal", "what", "measured", "goal", ""], rows)


def main() -> int:
    """Prints all tables; the exit code is 1 if an engine gave a wrong result."""
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    results = least([json.loads(line) for line in text.splitlines()])
    print_times(results)
    print_growth(results)
    print_building(results)
    print_sizes(results)
    print_goals(results)
    wrong = [result for result in results if result.get("wrong")]
    for result in wrong:
        print(f"wrong answers: {json.dumps(result)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
