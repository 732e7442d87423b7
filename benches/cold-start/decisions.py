"""Measures the first work of cold functions on a local stack's tables: receipt-ingestion stores a receipt, and
rule-evaluation decides on it under programs of growing size. Each start handles one receipt cold and one warm."""

import argparse
import base64
import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
EVENTS = HERE.parent.parent / "events"
SIZES = [10, 100, 1_000, 10_000]
# The receipt in the sample events.
SAMPLE = "0532-0007"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def program(rules: int) -> dict[str, Any]:
    """A program of which the sample's two categories match one rule in a hundred."""
    return {
        "name": "Club",
        "currency": "EUR",
        "timezone": "Europe/Rome",
        "locale": "it",
        "points": {"name": {"one": "punto", "other": "punti"}},
        "rules": [
            {
                "id": f"r{number}",
                "name": f"r{number}",
                "status": "active",
                "starts_at": "2020-01-01T00:00:00",
                "on": {
                    "receipt": {
                        "where": {
                            "stores": ["milano-01", f"store-{number % 50}"],
                            "lines": {"categories": ["winter" if number % 100 == 0 else f"category-{number % 300}"]},
                        },
                        "spend": {"per_receipt_at_least": f"{number % 90 + 1}.00"},
                    }
                },
                "then": [{"credit": {"per_unit": "1"}}],
            }
            for number in range(rules)
        ],
    }


class Stack:
    """A local stack with one program."""

    def __init__(self, binary: Path) -> None:
        words = [binary, "--empty", "--port", "0"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        said = {}
        assert self.process.stdout
        for line in self.process.stdout:
            name, value = line.rsplit(maxsplit=1)
            said[name.strip()] = value
            if name.strip() == "ready":
                break
        self.url, self.program, self.key = said["ready"], said["program"], said["admin key"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request and returns the body of the response."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with _OPENER.open(request, timeout=60) as answer:
            return json.load(answer)


def ingested(stack: Stack, names: list[str]) -> list[str]:
    """Gateway events, one per receipt."""
    text = json.dumps(json.loads((EVENTS / "receipt-ingestion" / "receipt.json").read_text()))
    program = json.loads(text)["requestContext"]["authorizer"]["lambda"]["program"]
    return [text.replace(program, stack.program).replace(SAMPLE, name) for name in names]


def decided(stack: Stack, member: str, names: list[str]) -> list[str]:
    """Queue events, one per receipt, which each carries."""
    event = json.loads((EVENTS / "rule-evaluation" / "facts.json").read_text())
    record = event["Records"][0]
    message = json.loads(record["body"])
    packed = base64.b64decode(message["body"])
    events = []
    for name in names:
        receipt = packed.replace(SAMPLE.encode(), name.encode())
        body = {"program": stack.program, "member": member, "receipt": name, "body": base64.b64encode(receipt).decode()}
        events.append(json.dumps({"Records": [record | {"body": json.dumps(message | body)}]}))
    return events


def meter(name: str, command: Path, events: list[str], runs: int, stack: Stack) -> dict[str, Any]:
    """Times a function on its events."""
    endpoints = stack.call("GET", "/_local/endpoints")
    sets = [f"AWS_ENDPOINT_URL_{service.upper()}={endpoints[service]}" for service in ("dynamodb", "sqs")]
    sets.append(f"AWS_ACCESS_KEY_ID={endpoints['access_key_id']}")
    sets += [f"{table.upper()}_TABLE=tessera-{table}" for table in ("members", "facts", "programs", "credentials")]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("\n".join(events))
        file.flush()
        words = [sys.executable, str(HERE / "meter.py"), "--runs", str(runs), "--events", file.name]
        words += [word for each in sets for word in ("--set", each)]
        done = subprocess.run([*words, f"{name}={command}"], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def main() -> None:
    """Prints one JSON object per measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--target", type=Path, required=True, help="the folder that cargo builds into")
    asked = parser.parse_args()
    count = 2 * (asked.runs + 1)
    for size in SIZES:
        stack = Stack(asked.target / "debug" / "tessera")
        try:
            stack.call("PUT", "/v1/program", program(size))
            member = stack.call("POST", "/v1/members", {"id": "c-42"})["inner_id"]
            names = [f"{size % 97:03}-{number:05}" for number in range(count)]
            evaluation = asked.target / "release" / "rule-evaluation"
            numbers = meter("rule-evaluation", evaluation, decided(stack, member, names), asked.runs, stack)
            entries = stack.call("GET", "/v1/members/c-42/entries?limit=250")["items"]
            found = len({entry["source"]["receipt"] for entry in entries})
            assert found == count, f"{found} of {count} receipts were decided"
            print(json.dumps(numbers | {"rules": size}), flush=True)
            if size == SIZES[0]:
                ingestion = asked.target / "release" / "receipt-ingestion"
                names = [f"{number:09}" for number in range(count)]
                numbers = meter("receipt-ingestion", ingestion, ingested(stack, names), asked.runs, stack)
                assert stack.call("GET", f"/v1/receipts/{names[-1]}")["id"] == names[-1]
                print(json.dumps(numbers), flush=True)
        finally:
            stack.process.terminate()
            stack.process.wait()


main()
