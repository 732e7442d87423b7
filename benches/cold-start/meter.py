"""Starts functions as Lambda does and times them.

A small stand-in for Lambda's Runtime API on 127.0.0.1. Told are the milliseconds from the start of a process to its first request
for work (Lambda's init), and the most memory; where there are events, each process is handed two, and told is also how long
the first and the second answer take. Functions take turns, so that a machine that slows down slows all of them."""

import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATIENCE = 30.0
ENVIRONMENT = {
    "AWS_REGION": "eu-south-1",
    "AWS_DEFAULT_REGION": "eu-south-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "cold",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "_HANDLER": "bootstrap",
    "MEMBERS_TABLE": "members",
    "FACTS_TABLE": "facts",
    "PROGRAMS_TABLE": "programs",
    "CREDENTIALS_TABLE": "credentials",
    "SECRETS_KEY_PARAMETER": "/tessera/secrets-key",
    # Nothing listens there, so a call fails at once.
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
}
# Every queue that the template names, for the functions that do not start without theirs.
TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
for variable in re.findall(r"\b[A-Z_]+_QUEUE_URL\b", TEMPLATE.read_text()):
    ENVIRONMENT[variable] = "http://127.0.0.1:9/queue.fifo"


@dataclass
class Start:
    """One process: the events it is given, and when it asked and answered."""

    events: list[bytes]
    asked: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    error: str | None = None


class Runtime(BaseHTTPRequestHandler):
    """The Runtime API, for one process at a time."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    start: Start

    def log_message(self, *_: object) -> None:
        """Suppresses the log."""

    def do_GET(self) -> None:
        """Returns the next event, or ends the measurement."""
        start = Runtime.start
        start.asked.append(time.perf_counter())
        place = len(start.asked) - 1
        if place >= len(start.events):
            start.done.set()
            return
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", f"00000000-0000-0000-0000-{place:012}")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 30_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-south-1:123456789012:function:cold")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(start.events[place])))
        self.end_headers()
        start.sent.append(time.perf_counter())
        self.wfile.write(start.events[place])
        self.wfile.flush()

    def do_POST(self) -> None:
        """Receives a response or an error report."""
        now = time.perf_counter()
        body = self.body()
        if self.path.endswith("/error"):
            Runtime.start.error = body.decode(errors="replace")[:300]
        Runtime.start.answered.append(now)
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def body(self) -> bytes:
        """Reads the body, chunked or not."""
        if length := self.headers.get("Content-Length"):
            return self.rfile.read(int(length))
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


def once(command: str, events: list[bytes], environment: dict[str, str]) -> dict[str, float] | str:
    """Runs a process until its events are handled; returns its times or the error."""
    start = Runtime.start = Start(events)
    began = time.perf_counter()
    process = subprocess.Popen(shlex.split(command), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    ended = start.done.wait(PATIENCE)
    memory = 0
    if ended:
        status = Path(f"/proc/{process.pid}/status").read_text()
        memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    process.kill()
    errors = process.communicate()[1].decode(errors="replace")
    if not ended or start.error:
        return start.error or errors[-300:] or "no answer"
    answers = [1e3 * (answered - sent) for sent, answered in zip(start.sent, start.answered)]
    numbers = {"init_ms": 1e3 * (start.asked[0] - began), "memory_mb": memory / 1024}
    return numbers | dict(zip(("first_ms", "warm_ms"), answers))


def size_mb(command: str) -> float | None:
    """The size of a binary; None for an interpreter."""
    path = Path(shlex.split(command)[-1])
    return None if path.suffix == ".py" else path.stat().st_size / 1e6


def main() -> None:
    """Prints one JSON object per function with the medians of its starts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--events", help="a file of JSON lines, two for each start; without it a start is all")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one more variable")
    parser.add_argument("functions", nargs="+", metavar="NAME=COMMAND")
    asked = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Runtime)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = os.environ | ENVIRONMENT | dict(pair.split("=", 1) for pair in asked.set)
    environment["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{server.server_port}"
    functions = dict(pair.split("=", 1) for pair in asked.functions)
    lines = Path(asked.events).read_bytes().splitlines() if asked.events else []
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in functions}
    # The first round only fills the page cache.
    for turn in range(asked.runs + 1):
        for name, command in functions.items():
            events = lines[2 * turn : 2 * turn + 2]
            numbers = once(command, events, environment)
            if isinstance(numbers, str):
                raise SystemExit(f"{name}: {numbers}")
            if turn:
                measured[name].append(numbers)
    for name, command in functions.items():
        medians = {key: round(statistics.median(run[key] for run in measured[name]), 2) for key in measured[name][0]}
        print(json.dumps({"name": name, "size_mb": size_mb(command)} | medians))


if __name__ == "__main__":
    main()
