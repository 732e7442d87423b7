"""Schemathesis hooks around each request."""

import itertools
import json
import os
import urllib.request
from datetime import datetime, timedelta
from typing import Any

import schemathesis

# On the stack's clock, 100 requests per minute: below a member's limit.
BETWEEN_REQUESTS = timedelta(seconds=0.6)
REQUESTS_BETWEEN_TICKS = 50

# An export is restored line by line.
schemathesis.serializer.alias("application/x-ndjson", "text/plain")

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
    """Stays below the rate limits, which are tested elsewhere."""
    number = next(_numbers)
    if number and number % REQUESTS_BETWEEN_TICKS == 0:
        _set_clock(_start + number * BETWEEN_REQUESTS)
    headers = dict(case.headers or {})
    # A repeated key rejects requests before their bodies are parsed, so only some are repeated.
    key = headers.get("Idempotency-Key")
    if key and key.isascii() and key.isprintable() and len(key) <= 255 and number % 8:
        headers["Idempotency-Key"] = f"request-{number}"
    if case.method == "PUT" and case.path == "/v1/integrations/klaviyo" and isinstance(case.body, dict):
        # Nothing is sent to the vendor from here.
        case.body = {**case.body, "enabled": False}
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    case.headers = {**headers, "X-Forwarded-For": address, "Tessera-Client": address}
