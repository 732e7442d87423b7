#!/usr/bin/env python3
"""Sends what an import writes for each row with boto3 to the same engine, beside `tessera import`, and prints both rates.

usage: benches/import/boto3.py [--rows 5000] [--threads 8] [--binary target/release/tessera]

One row is imported first: what that wrote is the pattern of every other row. For each, the script looks up the address,
creates the member in one transaction and books the balance in another, as the import does; keys and members differ by row,
conditions are the same. A stack of its own then imports a file of as many rows.
"""

import argparse
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
# The items of a member's first transaction; the others are those of the balance.
FIRST = ("profile", "listing", "guard", "n#")
SECOND = ("account", "listing", "e#")


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


def send(engine, items, member, row):
    """What an import does for one row."""
    made = renamed(items, member, row)

    def of(kinds):
        return [item for item in made if item["sk"]["S"].startswith(kinds)]

    def put(item, condition):
        return {"Put": {"TableName": TABLE, "Item": item, **({"ConditionExpression": condition} if condition else {})}}

    guard = next(item for item in made if item["sk"]["S"] == "guard")
    account = next(item for item in made if item["sk"]["S"] == "account")
    for item in (guard, account):
        engine.get_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]}, ConsistentRead=True)
    absent = "attribute_not_exists(pk)"
    engine.transact_write_items(TransactItems=[put(item, absent) for item in of(FIRST)])
    second = [put(item, None if item["sk"]["S"] == "listing" else absent) for item in of(SECOND)]
    engine.transact_write_items(TransactItems=second)


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
        started = time.monotonic()
        with ThreadPoolExecutor(args.threads) as pool:
            for _ in pool.map(lambda row: send(engine, items, member, row), range(1, args.rows + 1)):
                pass
        peer = args.rows / (time.monotonic() - started)
        stack.kill()
        file = os.path.join(folder, "members.csv")
        rows(args.rows, file)
        stack = Stack(args.binary, os.path.join(folder, "own"), args.port)
        own = args.rows / run_import(args.binary, stack, file)
        stack.kill()
    print(f"{args.rows} rows: boto3 with {args.threads} threads {peer:.0f} rows per second, tessera import {own:.0f}, ratio {own / peer:.1f}")


if __name__ == "__main__":
    main()
