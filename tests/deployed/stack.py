"""A running stack for the journeys. Differences between the local and the deployed one are in `local.py` and
`deployment.py`."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "target"
TESSERA = Path(os.environ.get("CARGO_TARGET_DIR", TARGET)) / "debug" / "tessera"
PATIENCE = 60.0


@dataclass(frozen=True)
class Answer:
    """A response of the API."""

    status: int
    body: Any

    @property
    def problem(self) -> str:
        """The problem's slug; None for other responses."""
        return str(self.body.get("type", "")).removeprefix("urn:tessera:problem:")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: where it leads is not ours."""

    def redirect_request(self, *_: Any) -> None:
        return None


# Loopback, without the machine's proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())


def parsed(text: bytes) -> Any:
    """JSON, or the lines of a response that is none."""
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError:
        return text.decode()


class Stack(ABC):
    """A running stack with one program."""

    program: str
    key: str
    secret: str
    url: str
    # Further headers: the emulator selects an API by its host.
    host: str | None = None

    def take_program(self, printed: str) -> None:
        """Parses the output of the program's creation."""
        words = [line.rsplit(maxsplit=1) for line in printed.splitlines() if line.strip()]
        said = {words[0].strip(): words[1] for words in words if len(words) == 2}
        self.program, self.key, self.secret = said["program"], said["admin key"], said["storefront secret"]

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        credentials: str | None = "",
        more: dict[str, str] | None = None,
    ) -> Answer:
        """Sends a request with the admin key, other credentials, or none, and with further headers. A body of bytes is sent as
        it is."""
        headers = {"Content-Type": "application/json"} | (more or {})
        if self.host:
            headers["Host"] = self.host
        if credentials is not None:
            headers["Authorization"] = f"Bearer {credentials or self.key}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with _OPENER.open(request, timeout=60) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        return Answer(status, parsed(text))

    def until(self, what: str, found: Callable[[], Any]) -> Any:
        """Polls until there is a result, such as a decision."""
        end = time.monotonic() + PATIENCE
        while not (value := found()):
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain: {what}")
            time.sleep(0.2)
        return value

    def evaluated(self, receipt: str) -> Any:
        """Waits for the decision on a receipt."""
        path = f"/v1/receipts/{receipt}"

        def decided() -> Any:
            body = self.call("GET", path).body
            return body if body.get("status") == "evaluated" else None

        return self.until(f"{receipt} is decided", decided)

    def token(self, member: str, secret: str | None = None) -> str:
        """A member's token, as a shop's backend signs it."""

        def part(value: bytes) -> str:
            return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

        claims = {"iss": self.program, "sub": member, "exp": int(time.time()) + 600}
        signed = ".".join(part(json.dumps(value).encode()) for value in ({"alg": "HS256", "typ": "JWT"}, claims))
        mark = hmac.new((secret or self.secret).encode(), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{part(mark)}"

    def tessera(self, *words: str) -> str:
        """Runs the command line and returns its output."""
        environment = os.environ | self.operator()
        done = subprocess.run([TESSERA, *words], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"tessera {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def waiting(self, queue: str) -> int:
        """The number of messages in a queue."""
        name = "ApproximateNumberOfMessages"
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue(queue), AttributeNames=[name])
        return int(found["Attributes"][name])

    def queue(self, name: str) -> str:
        """The URL of a queue."""
        return str(self.sqs.get_queue_url(QueueName=f"tessera-{name}")["QueueUrl"])

    @abstractmethod
    def operator(self) -> dict[str, str]:
        """The environment variables for the operator's tools."""

    @property
    @abstractmethod
    def sqs(self) -> Any:
        """A client of SQS."""

    @abstractmethod
    def run_job(self, name: str) -> Any:
        """Runs a scheduled job and returns its summary."""
