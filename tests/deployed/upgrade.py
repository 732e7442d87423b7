"""A stack is upgraded and rolled back function by function, while shops are open."""

import io
import json
import os
import random
import time
import unittest
import urllib.request
import zipfile
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import doctor
from deployment import STACK, Deployment
from journeys import PROGRAM, now, receipt
from stack import ROOT

RUN = f"load-{int(time.time())}"
SENDERS = 3
UPDATES = 4
MEMBERS = 4
FUNDS = 100_000
GOLDEN = ROOT / "tests" / "golden" / "1"
# The functions of another build, as `sam build --build-dir` leaves them. Without it the versions have the same code.
FORMER = os.environ.get("FORMER_BUILD")
# A setting that every function has.
SETTINGS = {"former": {"PROGRAM_RECHECK_MS": "2000"}, "newer": {"PROGRAM_RECHECK_MS": "1000"}}


@dataclass
class Load:
    """What shops do, and what they expect of it."""

    stack: Deployment
    stopped: bool = False
    sent: dict[str, int] = field(default_factory=dict)
    failed: list[Any] = field(default_factory=list)
    points: dict[str, int] = field(default_factory=dict)
    facts: dict[str, set[str]] = field(default_factory=dict)
    slowest: float = 0.0

    def ask(self, kind: str, method: str, path: str, body: Any, status: int) -> None:
        """A request, which is sent once."""
        begun = time.monotonic()
        answer = self.stack.call(method, path, body)
        self.slowest = max(self.slowest, time.monotonic() - begun)
        self.sent[kind] = self.sent.get(kind, 0) + 1
        if answer.status != status:
            self.failed.append((kind, answer))

    def shop(self, place: int) -> None:
        """One shop's till, web shop and staff, until the load is stopped."""
        members = [f"{RUN}-{place}-{each}" for each in range(MEMBERS)]
        for number in count():
            member = members[number % MEMBERS]
            name = f"{member}-{number}"
            if number < MEMBERS:
                self.ask("enrolment", "POST", "/v1/members", {"id": member}, 201)
                award = {"award": FUNDS, "reason": "load"}
                self.ask("adjustment", "POST", f"/v1/members/{member}/adjustments", award, 201)
                self.points[member], self.facts[member] = FUNDS, set()
            self.ask("receipt", "POST", "/v1/receipts", receipt(name, {"id": member}, "50.00"), 202)
            refund = {"id": "r", "occurred_at": now(5), "amount": "10.00"}
            self.ask("refund", "POST", f"/v1/receipts/{name}/refunds", refund, 202)
            self.ask("redemption", "POST", f"/v1/members/{member}/redemptions", {"reward": "five-off"}, 201)
            review = {"id": name, "name": "review", "occurred_at": now(1), "member": {"id": member}}
            self.ask("interaction", "POST", "/v1/interactions", review, 202)
            self.ask("hub", "GET", f"/v1/members/{member}/hub", None, 200)
            self.points[member] += 50 - 10 - 100 + 10
            self.facts[member].add(name)
            if self.stopped:
                return


class Upgrade(unittest.TestCase):
    """The operator upgrades a stack and rolls it back."""

    stack: Deployment

    def test_no_request_fails_and_no_fact_is_lost_or_decided_twice(self) -> None:
        """Shops enrol, sell, take back and redeem while two versions run. Items and messages of the first stored version come in
        between."""
        answer = self.stack.call("PUT", "/v1/program", PROGRAM)
        assert answer.status == 200, answer
        versions = self.versions()
        if FORMER:
            self.switch("former", versions, sorted(versions))
        load = Load(self.stack)
        order, shuffled = sorted(versions), random.Random(18)
        with ThreadPoolExecutor(SENDERS) as shops:
            running = [shops.submit(load.shop, place) for place in range(SENDERS)]
            try:
                self.stack.until("shops are open", lambda: load.sent.get("hub", 0) >= 2 * SENDERS)
                # The former functions read what newer ones write, and the reverse: in another order each time.
                for version in ["newer", "former"]:
                    shuffled.shuffle(order)
                    half = len(order) // 2
                    self.switch(version, versions, order[:half])
                    if version == "newer":
                        self.store_golden()
                    self.send_golden(load)
                    self.switch(version, versions, order[half:])
            finally:
                load.stopped = True
            for each in running:
                each.result()
        print(f"\n    {dict(sorted(load.sent.items()))}; the slowest took {load.slowest:.1f} s", flush=True)
        self.assertEqual(load.failed, [])
        self.check(load)

    def check(self, load: Load) -> None:
        """Every fact is decided once, and every balance is what the shops expect."""
        self.stack.until("the queue is drained", lambda: self.stack.waiting("facts.fifo") == 0)
        for member, points in load.points.items():
            self.stack.until(
                f"{member} has {points} points",
                lambda m=member, p=points: self.stack.call("GET", f"/v1/members/{m}").body["points"]["available"] == p,  # type: ignore[misc]
            )
            each = len(load.facts[member])
            # A receipt and an interaction earn; the adjustment is one entry.
            expected = {"adjust": 1, "earn": 2 * each, "redeem": each, "reverse": each}
            self.assertEqual(self.entries(member), expected, member)
        said = self.stack.tessera("redrive", "facts", "--from", now(60), "--to", now())
        self.assertIn(", of which 0 had no decision", said)
        # The program of the golden items is proven too.
        self.assertIn("every balance is proven", self.stack.tessera("verify", "--stack", "tessera"))
        self.assertEqual(self.golden_entries(), json.loads((GOLDEN / "end.json").read_text())["entries"])
        self.forget_golden()
        self.assertEqual(doctor.faults(self.stack), [])

    def entries(self, member: str) -> dict[str, int]:
        """How many entries of each type the ledger of a member has; an entry may be listed in parts."""
        found: dict[str, set[str]] = {}
        cursor = ""
        while True:
            page = self.stack.call("GET", f"/v1/members/{member}/entries?limit=100{cursor}").body
            for entry in page["items"]:
                found.setdefault(entry["type"], set()).add(entry["id"].partition("~")[0])
            if not page["next_cursor"]:
                return {kind: len(ids) for kind, ids in found.items()}
            cursor = f"&cursor={page['next_cursor']}"

    def versions(self) -> dict[str, dict[str, bytes]]:
        """The code of both versions of every function."""
        cloudformation = self.stack.client("cloudformation")
        listed = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        logical = {each["PhysicalResourceId"]: each["LogicalResourceId"] for each in listed}
        found = {}
        for function in self.stack.functions():
            name = function["FunctionName"]
            where = self.stack.client("lambda").get_function(FunctionName=name)["Code"]["Location"]
            with urllib.request.urlopen(where) as answer:
                deployed = answer.read()
            if FORMER:
                found[name] = {"former": packed(Path(FORMER) / logical[name] / "bootstrap"), "newer": deployed}
            else:
                found[name] = {"former": deployed, "newer": marked(deployed)}
        return found

    def switch(self, version: str, versions: dict[str, dict[str, bytes]], names: list[str]) -> None:
        """Updates functions, code and settings, a few at once as CloudFormation does."""
        functions = self.stack.client("lambda")

        def updated(name: str) -> Any:
            found = functions.get_function_configuration(FunctionName=name)
            return found if found["LastUpdateStatus"] == "Successful" else None

        def update(name: str) -> None:
            functions.update_function_code(FunctionName=name, ZipFile=versions[name][version])
            found = self.stack.until(f"{name} has its code", lambda: updated(name))
            variables = found["Environment"]["Variables"] | SETTINGS[version]
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
            self.stack.until(f"{name} has its settings", lambda: updated(name))

        with ThreadPoolExecutor(UPDATES) as updates:
            list(updates.map(update, names))

    def store_golden(self) -> None:
        """Writes the items that the first version stored; facts among them reach the functions by the stream."""
        dynamodb = self.stack.client("dynamodb")
        for path in sorted(GOLDEN.glob("tessera-*.json")):
            for item in json.loads(path.read_text()):
                dynamodb.put_item(TableName=path.stem, Item={name: attribute(value) for name, value in item.items()})

    def forget_golden(self) -> None:
        """Deletes the golden program: its secrets are encrypted with the key of the stack that wrote them."""
        dynamodb = self.stack.client("dynamodb")
        for table in ["tessera-programs", "tessera-credentials"]:
            for item in json.loads((GOLDEN / f"{table}.json").read_text()):
                dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})

    def golden_entries(self) -> int:
        """The number of ledger entries of the golden program."""
        items = json.loads((GOLDEN / "tessera-members.json").read_text())
        owner = next(item["pk"]["S"] for item in items if item["sk"]["S"] == "account")
        found = self.stack.client("dynamodb").query(
            TableName="tessera-members",
            KeyConditionExpression="pk = :pk AND begins_with(sk, :e)",
            ExpressionAttributeValues={":pk": {"S": owner}, ":e": {"S": "e#"}},
            Select="COUNT",
        )
        return int(found["Count"])

    def send_golden(self, load: Load) -> None:
        """Sends messages of the first version again, about facts that are decided or will be."""
        member = next(each for each in load.facts if load.facts[each])
        inner = self.stack.call("GET", f"/v1/members/{member}").body["inner_id"]
        sent = {json.loads(text)["type"]: json.loads(text) for text in json.loads((GOLDEN / "messages.json").read_text())["facts"]}
        name = max(tuple(load.facts[member]))
        about = {
            "receipt": {"receipt": name},
            "refund": {"receipt": name, "refund": "r"},
            "interaction": {"interaction": name},
        }
        for kind, fact in about.items():
            message = sent[kind] | {"program": self.stack.program, "member": inner} | fact
            # The last of each kind has no packed body: the fact is read from its table.
            message.pop("body", None)
            self.stack.sqs.send_message(
                QueueUrl=self.stack.queue("facts.fifo"),
                MessageBody=json.dumps(message),
                MessageGroupId=inner,
                MessageDeduplicationId=f"golden-{time.monotonic_ns()}",
            )


def attribute(value: dict[str, Any]) -> dict[str, Any]:
    """A value of DynamoDB as boto3 takes it."""
    return {"B": b64decode(value["B"])} if "B" in value else value


def packed(bootstrap: Path) -> bytes:
    """A function's package."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as package:
        package.write(bootstrap, "bootstrap")
    return made.getvalue()


def marked(package: bytes) -> bytes:
    """A package with the same code and another hash."""
    made = io.BytesIO(package)
    with zipfile.ZipFile(made, "a") as changed:
        changed.writestr(RUN, "another build\n")
    return made.getvalue()
