"""A local stack with a program that uses every feature."""

import base64
import hashlib
import hmac
import json
import subprocess
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
TESSERA = ROOT / "target/debug/tessera"
ADMIN = "tsk_contract_admin"
# The stack's clock is fixed between requests that move it.
CLOCK = "2026-03-01T12:00:00+00:00"

PROGRAM: dict[str, Any] = {
    "name": "Club Ada",
    "currency": "EUR",
    "timezone": "Europe/Rome",
    "locale": "it",
    "points": {"name": {"it": {"one": "punto", "other": "punti"}, "ja": {"other": "ポイント"}}},
    "tiers": {
        "ladder": [
            {"id": "base", "name": "Base", "threshold": 0},
            {"id": "silver", "name": {"it": "Argento", "en": "Silver"}, "threshold": 500},
        ],
        "vip": [{"id": "vip", "name": "VIP"}],
    },
    "rewards": [
        {
            "id": "five-off",
            "name": "Five off",
            "type": "amount_off",
            "value": "5.00",
            "cost": 10,
            "code": {"pattern": "ADA-###########"},
        },
        {
            "id": "tea",
            "name": {"it": "Tè", "ja": "茶"},
            "type": "free_product",
            "value": "TEA-1",
            "cost": 20,
            "stock": 1000,
            "code": {"pattern": "TEA-###########"},
        },
    ],
    "rules": [
        {
            "id": "per-euro",
            "name": "A point for each euro",
            "status": "active",
            "starts_at": "2020-01-01T00:00:00",
            "on": {"receipt": {}},
            "then": [{"credit": {"per_unit": "1", "kind": "both"}}],
        },
        {
            "id": "every-50",
            "name": "Ten for each 50",
            "status": "active",
            "starts_at": "2020-01-01T00:00:00",
            "on": {"receipt": {"spend": {"every": "50.00"}}},
            "then": [{"credit": {"points": 10}}],
        },
        {
            "id": "visit",
            "name": "A visit",
            "status": "active",
            "starts_at": "2020-01-01T00:00:00",
            "on": {"interaction": {"name": "visit"}},
            "then": [{"credit": {"points": 3}}],
            "storefront": {"visible": True, "title": {"it": "Vieni a trovarci"}},
        },
    ],
}


class Server:
    """A local stack in memory, for as long as the block runs."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __enter__(self) -> "Server":
        self.errors = self.log.open("w")
        self.process = subprocess.Popen(
            [TESSERA, "--empty", "--memory", "--port", "0", "--admin-key", ADMIN, "--clock", CLOCK],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        assert self.process.stdout
        for line in self.process.stdout:
            name, _, value = line.strip().rpartition(" ")
            match name.strip():
                case "program":
                    self.program = value
                case "storefront secret":
                    self.secret = value
                case "ready":
                    self.url = value
                    return self
        raise SystemExit(f"the local stack does not start: {self.log.read_text()}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait()
        self.errors.close()

    def request(self, method: str, path: str, body: Any = None, key: str = ADMIN) -> tuple[int, Any]:
        """The status of a response, and its body."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, json.loads(response.read() or "null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or "null")

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """The body of a response, which must be a success."""
        status, found = self.request(method, path, body)
        assert status < 300, f"{method} {path}: {status} {found}"
        return found

    def settle(self) -> None:
        """Waits until every fact is decided."""
        self.send("POST", "/_local/settle")

    def member_token(self, member: str) -> str:
        """A member's token, as the shop's backend signs it."""

        def part(value: bytes) -> bytes:
            return base64.urlsafe_b64encode(value).rstrip(b"=")

        claims = {"iss": self.program, "sub": member, "exp": int(datetime.fromisoformat(CLOCK).timestamp()) + 3600}
        text = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
        signature = hmac.new(self.secret.encode(), text, hashlib.sha256).digest()
        return (text + b"." + part(signature)).decode()


def fill(server: Server) -> dict[str, list[str]]:
    """Members, facts and coupons of a small shop; returns their identifiers by what they identify."""
    server.send("PUT", "/v1/program", PROGRAM)
    known = {"email": "ada@example.com", "card": "2000000000015", "phone": "+390200000001"}
    ada = {"id": "c-42", **known, "verified": list(known)}
    server.send("POST", "/v1/members", {**ada, "first_name": "Ada", "birth_date": "1990-02-28", "locale": "it-IT"})
    server.send("POST", "/v1/members", {"id": "c-2", "lists": ["newsletter"], "tags": ["friend"]})
    receipt = {"occurred_at": CLOCK, "currency": "EUR", "store": "milano-01", "channel": "pos"}
    lines = [
        {"id": "1", "sku": "SW-1", "category": "winter", "quantity": "1", "amount": "120.00"},
        {"id": "2", "sku": "SO-2", "category": ["socks"], "quantity": "3", "amount": "30.00"},
    ]
    first = {**receipt, "id": "0532-0007", "member": {"id": "c-42"}, "total": "135.00", "discount": "15.00", "lines": lines}
    server.send("POST", "/v1/receipts", first)
    server.send("POST", "/v1/receipts", {**receipt, "id": "r-2", "member": None, "total": "80.00"})
    server.send("POST", "/v1/receipts", {**receipt, "id": "r-3", "member": {"id": "c-2"}, "total": "100.00"})
    visitor = {"email": "bea@example.com"}
    server.send("POST", "/v1/receipts", {**receipt, "id": "r-4", "member": visitor, "total": "12.00"})
    visit = {"id": "i-1", "occurred_at": CLOCK, "member": {"id": "c-42"}, "name": "visit", "properties": {"city": "Milano"}}
    server.send("POST", "/v1/interactions", visit)
    server.settle()
    refund = {"id": "f-1", "occurred_at": CLOCK, "lines": [{"line": "2", "quantity": "1", "amount": "10.00"}]}
    server.send("POST", "/v1/receipts/0532-0007/refunds", refund)
    server.settle()

    def redeem(**more: Any) -> str:
        body = {"reward": "five-off", **more}
        return server.send("POST", "/v1/members/c-42/redemptions", body)["code"]

    codes = [redeem(), redeem(reserve=True), redeem(apply=True), redeem()]
    server.send("POST", f"/v1/coupons/{codes[3]}/use", {"receipt": "0532-0007"})
    keys = [server.send("POST", "/v1/api-keys", {"name": f"spare {n}", "scopes": ["support"]})["id"] for n in range(3)]
    backtest = server.send("POST", "/v1/rules/backtest", {"rules": PROGRAM["rules"]})["id"]
    server.settle()
    page = server.send("GET", "/v1/members/c-42/entries?limit=1")
    return {
        "members": ["c-42", "c-2", "card:2000000000015", "email:ada@example.com", "email:bea@example.com"],
        "customers": ["c-42", "c-2", "c-3"],
        "emails": ["ada@example.com", "bea@example.com", "cy@example.com"],
        "phones": ["+390200000001", "+390200000002"],
        "cards": ["2000000000015", "2000000000022"],
        "receipts": ["0532-0007", "r-2", "r-3", "r-4"],
        "interactions": ["i-1"],
        "codes": codes,
        "rules": ["per-euro", "every-50", "visit"],
        "rewards": ["five-off", "tea"],
        "tiers": ["base", "silver", "vip"],
        "keys": keys,
        "backtests": [backtest],
        "cursors": [page["next_cursor"]],
        "programs": [server.program],
        "locales": ["it", "ja", "pt-BR", "en"],
        "amounts": ["12.00", "0.01", "100.00"],
        "currencies": ["EUR"],
        "times": [CLOCK],
        "lines": ["1", "2"],
        "quantities": ["1", "2"],
        "birthdays": ["1990-02-28", "--02-29"],
    }
