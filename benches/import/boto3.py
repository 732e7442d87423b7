#!/usr/bin/env python3
"""Sends what an import writes for each row with boto3 to the same engine, beside `tessera import`, and prints both rates.

usage: benches/import/boto3.py [--rows 5000] [--threads 8] [--binary target/release/tessera]

One row is imported first: what that wrote is the pattern of every other row. The script looks up 100 addresses in one call
and writes each row in one transaction, as the import does; keys and members differ by row, conditions are the same. A stack
of its own then imports a file of as many rows.

Both rates contain the stack's work on these transactions: the embedded engine, the requests to it, and its streams. The processor time
of each is measured until the streams are read. The last line compares what the clients add: the script's own process; and for the
import, the command line and what its stack used more than the script's stack did.
"""

import argparse
import collections
import copy
import hashlib
import os
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

# This file has the library's name: its folder is searched last.
sys.path.append(sys.path.pop(0))

import boto3  # noqa: E402
from rows import KEY, Stack, rows  # noqa: E402

TABLE = "tessera-members"
# Keys of one look-up.
LOOK_UP = 100


# What a run took: elapsed seconds, and processor seconds of the engine, of the whole stack, and of the client.
Run = collections.namedtuple("Run", "seconds engine stack client")


def client(stack):
    """A client of the stack's engine."""
    found = stack.get("/_local/endpoints")
    return boto3.client(
        "dynamodb",
        endpoint_url=found["dynamodb"],
        region_name="local",
        aws_access_key_id=found["access_key_id"],
        aws_secret_access_key="local",
    )


def scanned(engine):
    """All items of the table by their keys."""
    items, start = {}, {}
    while True:
        page = engine.scan(TableName=TABLE, **start)
        items.update({(item["pk"]["S"], item["sk"]["S"]): item for item in page["Items"]})
        if "LastEvaluatedKey" not in page:
            return items
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def run_import(binary, stack, file):
    """Imports a file, and returns the seconds."""
    started = time.monotonic()
    url = f"http://127.0.0.1:{stack.port}"
    subprocess.run([binary, "import", file, "--url", url, "--key", KEY], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def pattern(binary, stack, engine, folder):
    """The items that one imported row writes, and its member."""
    before = scanned(engine)
    file = os.path.join(folder, "one.csv")
    rows(1, file)
    run_import(binary, stack, file)
    items = [item for key, item in scanned(engine).items() if key not in before]
    member = next(item["pk"]["S"].rsplit("#", 1)[1] for item in items if item["sk"]["S"] == "profile")
    return items, member


def renamed(items, member, row):
    """The items of another row: another member, another address."""
    other = "m_" + uuid.uuid5(uuid.NAMESPACE_OID, str(row)).hex
    address = hashlib.sha256(str(row).encode()).hexdigest()

    def rename(value):
        return value.replace(member, other).replace(" 0#", f" {row}#").replace(" 0 ", f" {row} ")

    made = []
    for item in copy.deepcopy(items):
        for value in item.values():
            if "S" in value:
                value["S"] = rename(value["S"])
        if item["sk"]["S"] == "guard":
            item["pk"]["S"] = item["pk"]["S"].rsplit("#", 1)[0] + "#" + address
        made.append(item)
    return made


def send(engine, many):
    """What an import does for the items of some rows."""
    guards = [item for made in many for item in made if item["sk"]["S"] == "guard"]
    keys = [{"pk": guard["pk"], "sk": guard["sk"]} for guard in guards]
    found = engine.batch_get_item(RequestItems={TABLE: {"Keys": keys}})
    assert not found["Responses"][TABLE] and not found["UnprocessedKeys"], "somebody is there already"
    for made in many:
        writes = []
        for item in made:
            put = {"TableName": TABLE, "Item": item}
            if item["sk"]["S"] != "listing":
                put["ConditionExpression"] = "attribute_not_exists(pk)"
            writes.append({"Put": put})
        engine.transact_write_items(TransactItems=writes)


def processor_seconds(pid):
    """The processor time of a process, its threads included."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(stack, work, client_seconds):
    """Does the work on a stack, and returns what it took; `client_seconds` reads the client's processor time."""

    def used():
        return stack.get("/_local/engine")["busy_ms"] / 1000, processor_seconds(stack.process.pid), client_seconds()

    before, started = used(), time.monotonic()
    work()
    seconds = time.monotonic() - started
    stack.settle()
    return Run(seconds, *(after - earlier for earlier, after in zip(before, used())))


def own_seconds():
    """The processor time of this process."""
    return time.process_time()


def children_seconds():
    """The processor time of the children that have ended: the stack in use is not among them."""
    times = os.times()
    return times.children_user + times.children_system


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--binary", default="target/release/tessera")
    parser.add_argument("--port", type=int, default=3979)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(args.binary, os.path.join(folder, "peer"), args.port)
        engine = client(stack)
        items, member = pattern(args.binary, stack, engine, folder)
        # What a script reads from a file and computes is not measured: only what it sends.
        many = [renamed(items, member, row) for row in range(1, args.rows + 1)]
        chunks = [many[first : first + LOOK_UP] for first in range(0, args.rows, LOOK_UP)]

        def peer_work():
            with ThreadPoolExecutor(args.threads) as pool:
                for _ in pool.map(lambda chunk: send(engine, chunk), chunks):
                    pass

        stack.settle()
        peer = measured(stack, peer_work, own_seconds)
        stack.kill()
        file = os.path.join(folder, "members.csv")
        rows(args.rows, file)
        stack = Stack(args.binary, os.path.join(folder, "own"), args.port)
        own = measured(stack, lambda: run_import(args.binary, stack, file), children_seconds)
        stack.kill()
    print(f"| {args.rows} rows | rows per second | engine | the rest of the stack | client |\n|---|---|---|---|---|")
    for name, run in ((f"boto3, {args.threads} threads", peer), ("`tessera import`", own)):
        parts = (run.engine, run.stack - run.engine, run.client)
        cells = " | ".join(f"{1000 * part / args.rows:.2f}" for part in parts)
        print(f"| {name} | {args.rows / run.seconds:.0f} | {cells} |")
    left = own.client + own.stack - peer.stack
    print(f"processor time in ms per row; ratio of the rates {peer.seconds / own.seconds:.1f}")
    print(f"without what the stack does for both: {peer.client / left:.1f} ({1000 * peer.client / args.rows:.2f} and {1000 * left / args.rows:.2f} ms)")


if __name__ == "__main__":
    main()
