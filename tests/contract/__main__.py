"""Compares the responses of the local stack with the description of the API, with each kind of key."""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from server import CLOCK, ROOT, Server, fill

HERE = Path(__file__).resolve().parent
WORK = ROOT / "target/contract"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")

# The kinds of key; `admin` first, because it reaches everything and takes longest.
KINDS = [
    "admin",
    "support",
    "members:write",
    "members:read",
    "rewards:redeem",
    "receipts:write",
    "interactions:write",
    "referrals:write",
    "reports:read",
    "member",
    "nobody",
]

# Which identifiers a parameter or a field takes, so that many requests find something.
FIELDS = {
    "path.member": "members",
    "path.code": "codes",
    "query.cursor": "cursors",
    "query.program": "programs",
    "query.locale": "locales",
    "body.id": "customers",
    "body.email": "emails",
    "body.phone": "phones",
    "body.card": "cards",
    "body.locale": "locales",
    "body.birth_date": "birthdays",
    "body.member.id": "customers",
    "body.member.email": "emails",
    "body.reward": "rewards",
    "body.receipt": "receipts",
    "body.currency": "currencies",
    "body.total": "amounts",
    "body.amount": "amounts",
    "body.occurred_at": "times",
    "body.lines[*].line": "lines",
    "body.lines[*].amount": "amounts",
    "body.lines[*].quantity": "quantities",
}

# What `{id}` of a path identifies.
PATHS = {
    "^/v1/receipts/": "receipts",
    "^/v1/interactions/": "interactions",
    "^/v1/rules/[{]id": "rules",
    "^/v1/rules/backtest/": "backtests",
    "^/v1/rewards/": "rewards",
    "^/v1/tiers/": "tiers",
    "^/v1/api-keys/": "keys",
}

# Routes whose bodies have a whole program or rules: `POST /v1/rules` and the other parts cover the same schemas, and
# tests/it/bodies.rs varies every field.
COVERED_ELSEWHERE = ["PUT /v1/program", "POST /v1/program/drafts", "POST /v1/rules/backtest", "POST /v1/rules/examine"]

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
]


def configuration(kind: str, known: dict[str, list[str]], examples: int) -> str:
    """The configuration of a run, in TOML."""
    # Most routes respond with 403 to the other keys: they get fewer variations. A member's token lasts for 6,000 requests.
    is_admin = kind == "admin"
    if not is_admin:
        examples = min(examples, 60) if kind == "member" else max(examples // 4, 2)
    lines = [
        f"hooks = {json.dumps(str(HERE / 'hooks.py'))}",
        "continue-on-failure = true",
        "warnings = false",
        "request-timeout = 30",
        "[generation]",
        "database = 'none'",
        "deterministic = true",
        f"max-examples = {examples}",
        "no-shrink = true",
        "[cache]",
        "enabled = false",
        "[checks]",
        "enabled = false",
        *(f"{check} = {{ enabled = true }}" for check in CHECKS),
        "[phases.coverage]",
        f"enabled = {json.dumps(is_admin)}",
        "[phases.stateful]",
        f"enabled = {json.dumps(is_admin)}",
        "[parameters]",
        *(f"'{field}' = {{ dictionary = '{which}', probability = 0.8 }}" for field, which in FIELDS.items()),
    ]
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values, ensure_ascii=False)}"]
    lines += ["[[operations]]", f"include-name = {json.dumps(COVERED_ELSEWHERE)}", "phases.coverage.enabled = false"]
    for path, which in PATHS.items():
        lines += ["[[operations]]", f"include-path-regex = {json.dumps(path)}"]
        lines += [f"parameters = {{ 'path.id' = {{ dictionary = '{which}', probability = 0.8 }} }}"]
    return "\n".join(lines) + "\n"


def check(kind: str, examples: int, seed: int) -> tuple[str, bool, float]:
    """Runs one kind of key against a stack of its own: kind, success, seconds."""
    started = time.monotonic()
    folder = WORK / kind.replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    with Server(folder / "server.log") as server:
        known = fill(server)
        if kind == "member":
            key = server.member_token("c-42")
        elif kind == "nobody":
            key = None
        else:
            key = server.send("POST", "/v1/api-keys", {"name": kind, "scopes": [kind], "per_minute": 60000})["key"]
        config = folder / "schemathesis.toml"
        config.write_text(configuration(kind, known, examples), encoding="utf-8")
        command = [SCHEMATHESIS, "--config-file", config, "run", f"{server.url}/v1/openapi.json", "--seed", str(seed)]
        command += ["--report", "ndjson", "--report-ndjson-path", folder / "events.ndjson", "--no-color"]
        if key:
            command += ["--header", f"Authorization: Bearer {key}"]
        with (folder / "schemathesis.log").open("w") as log:
            environment = {**os.environ, "COLUMNS": "160", "CONTRACT_URL": server.url, "CONTRACT_CLOCK": CLOCK}
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment, check=False)
    return kind, done.returncode == 0, time.monotonic() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=12, help="examples for each operation with the admin key")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=KINDS, action="append", help="one kind of key; may be repeated")
    chosen = parser.parse_args()
    kinds = chosen.only or KINDS
    failed = False
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(check, kind, chosen.examples, chosen.seed) for kind in kinds]
        for run in runs:
            kind, fine, seconds = run.result()
            print(f"{kind:20} {'passed' if fine else 'FAILED'} in {seconds:.0f} s", flush=True)
            if not fine:
                failed = True
                print((WORK / kind.replace(":", "-") / "schemathesis.log").read_text(), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
