"""What Schemathesis does around each request."""

import itertools
import json
import os
import urllib.request
from datetime import datetime, timedelta
from typing import Any

import schemathesis

# As far as the stack knows, 100 requests a minute: fewer than one member may send.
BETWEEN_REQUESTS = timedelta(seconds=0.6)
REQUESTS_BETWEEN_TICKS = 50

_start = datetime.fromisoformat(os.environ["CONTRACT_CLOCK"])
_numbers = itertools.count()


def _set_clock(now: datetime) -> None:
    body = json.dumps({"now": now.isoformat()}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["CONTRACT_URL"] + "/_local/clock", body, headers, method="POST")
    with urllib.request.urlopen(request) as response:
        response.read()


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Keeps below the limits per source and per minute, which are tested elsewhere."""
    number = next(_numbers)
    if number and number % REQUESTS_BETWEEN_TICKS == 0:
        _set_clock(_start + number * BETWEEN_REQUESTS)
    headers = dict(case.headers or {})
    # A repeated key would reject most requests before their bodies are read; some are repeated all the same.
    key = headers.get("Idempotency-Key")
    if key and key.isascii() and key.isprintable() and len(key) <= 255 and number % 8:
        headers["Idempotency-Key"] = f"request-{number}"
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    case.headers = {**headers, "X-Forwarded-For": address, "Tessera-Client": address}
