"""Measures the consumption of a receipt on the deployed stack, and the cost of a million."""

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deployment import STACK, Deployment
from journeys import now, rule

RECEIPTS = 400
SENDERS = 10
MEMBERS = 50
PATIENCE = 300.0
# Dollars per million: us-east-1, on demand, arm64.
PRICES = {
    "write units": 0.625,
    "read units": 0.125,
    "SQS requests, FIFO": 0.50,
    "invocations": 0.20,
    "ms × GB": 0.0133,
    "API calls": 1.00,
}
GOAL = 5.0
# A DynamoDB call on AWS takes some milliseconds; the emulator's time is not comparable.
CALL_MS = 4.0
# A function's own work, rounded up; benches/cold-start measures it.
WORK_MS = 2.0
MEMORY_GB = {"receipt-ingestion": 0.25, "event-relay": 0.25, "rule-evaluation": 0.5}
BATCH = 10


def program() -> dict[str, Any]:
    """A rule with a point per euro, and ten cumulative rules, so that an account has ten counters."""
    steps = [
        rule(f"step-{place}", {"receipt": {"spend": {"every": f"{place + 3}00.00"}}}, {"points": place})
        for place in range(1, 11)
    ]
    return {
        "name": "Club Ada",
        "currency": "EUR",
        "timezone": "Europe/Rome",
        "locale": "it",
        "points": {"name": {"one": "punto", "other": "punti"}},
        "rules": [rule("per-euro", {"receipt": {}}, {"per_unit": "1"}), *steps],
    }


def receipt(number: int) -> dict[str, Any]:
    """A receipt of five lines."""
    lines = [
        {"id": f"{line}", "sku": f"SKU-{line}", "category": "winter", "quantity": "1", "amount": "9.90"}
        for line in range(1, 6)
    ]
    member = {"id": f"c-{number % MEMBERS}"}
    return {
        "id": f"2026-{number:06}",
        "occurred_at": now(10),
        "member": member,
        "store": "milano-01",
        "channel": "pos",
        "currency": "EUR",
        "total": "49.50",
        "lines": lines,
    }


def send(stack: Deployment, numbers: range) -> None:
    """Sends receipts from several threads, and waits until all are decided."""
    decided = stack.emulator.recorder.calls["TransactWriteItems"] + len(numbers)

    def one(number: int) -> None:
        answer = stack.call("POST", "/v1/receipts", receipt(number))
        assert answer.status == 202, answer

    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(one, numbers))
    end = time.monotonic() + PATIENCE
    while stack.emulator.recorder.calls["TransactWriteItems"] < decided:
        assert time.monotonic() < end, "receipts are not decided"
        time.sleep(0.5)


def batches(stack: Deployment) -> Counter[str]:
    """The invocations of each function since the emulator started, by its log."""
    log = stack.emulator.log.read_text(errors="replace")
    return Counter(re.findall(rf"ESM: Lambda {STACK}-([a-z-]+) processed \d+", log))


def show(stack: Deployment) -> None:
    """Prints the consumption of a receipt and the cost of a million."""
    answer = stack.call("PUT", "/v1/program", program())
    assert answer.status == 200, answer
    for number in range(MEMBERS):
        assert stack.call("POST", "/v1/members", {"id": f"c-{number}"}).status == 201
    # All accounts exist, and all functions are warm.
    send(stack, range(MEMBERS))
    recorder, before = stack.emulator.recorder, batches(stack)
    recorder.reset()
    send(stack, range(MEMBERS, MEMBERS + RECEIPTS))
    time.sleep(1)
    calls, units = Counter(recorder.calls), Counter(recorder.units)
    called = batches(stack)
    called.subtract(before)

    print(f"\n{RECEIPTS} receipts of five lines, for members known by id, from {SENDERS} senders\n")
    print("| asked of DynamoDB and SQS by the functions | calls per receipt | units per receipt |\n|---|---|---|")
    for operation, count in sorted(calls.items()):
        told = f"{units[operation] / RECEIPTS:.2f}" if units[operation] else ""
        print(f"| {operation} | {count / RECEIPTS:.2f} | {told} |")
    print("\n| invoked | per receipt |\n|---|---|\n| receipt-ingestion | 1.00 |")
    for function, count in sorted(called.items()):
        print(f"| {function} | {count / RECEIPTS:.2f} |")

    reads = ("GetItem", "BatchGetItem", "Query")
    asked = sum(count for name, count in calls.items() if not name.startswith("SendMessage")) / RECEIPTS
    # GB-milliseconds: ingestion and evaluation each wait for half of the calls.
    waiting = asked / 2 * CALL_MS + WORK_MS
    time_used = waiting * (MEMORY_GB["receipt-ingestion"] + MEMORY_GB["rule-evaluation"])
    time_used += (CALL_MS + WORK_MS) * MEMORY_GB["event-relay"] / BATCH
    used = {
        "write units": sum(units[name] for name in units if name not in reads) / RECEIPTS,
        "read units": sum(units[name] for name in reads) / RECEIPTS,
        # Send, receive and delete, in batches of ten.
        "SQS requests, FIFO": 3 / BATCH,
        # Ingestion per receipt; relay and evaluation per batch of ten.
        "invocations": 1 + 2 / BATCH,
        "ms × GB": time_used,
        "API calls": 1.0,
    }
    print(f"\n| a receipt, in batches of {BATCH} | count | dollars per million |\n|---|---|---|")
    for name, count in used.items():
        print(f"| {name} | {count:.2f} | {count * PRICES[name]:.2f} |")
    total = sum(count * PRICES[name] for name, count in used.items())
    print(f"| **together** | | **{total:.2f}** (goal: ≤ {GOAL:.2f}, {'met' if total <= GOAL else 'not met'}) |")
