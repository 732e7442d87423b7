"""A proxy that records the functions' AWS calls on their way to the emulator."""

import http.client
import json
import re
import threading
from collections import Counter
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# By the first word of `X-Amz-Target`.
SERVICES = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm"}

THROTTLED = b'{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "throttled"}'


class Recorder:
    """Counts calls and the capacity units in their responses, and records each function's permissions."""

    def __init__(self, port: int) -> None:
        self.calls: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self.used: set[tuple[str, str, str]] = set()
        # A table whose requests are refused, as DynamoDB does when it throttles, and how often.
        self.throttled: str | None = None
        self.refused = 0
        self.lock = threading.Lock()
        recorder = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                """Suppresses the log."""

            def pass_on(self) -> None:
                """Forwards a request and returns its response."""
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if recorder.refuses(self.headers, body):
                    self.send_response(400)
                    self.send_header("Content-Length", str(len(THROTTLED)))
                    self.end_headers()
                    self.wfile.write(THROTTLED)
                    return
                emulator = http.client.HTTPConnection("127.0.0.1", port)
                emulator.request(self.command, self.path, body, dict(self.headers.items()))
                answer = emulator.getresponse()
                text = answer.read()
                emulator.close()
                recorder.note(self.headers, body, text)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = pass_on

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def refuses(self, headers: Message, asked: bytes) -> bool:
        """Whether a request is throttled."""
        table = self.throttled
        if not table or not headers.get("X-Amz-Target", "").startswith("DynamoDB") or f'"{table}"'.encode() not in asked:
            return False
        with self.lock:
            self.refused += 1
        return True

    def note(self, headers: Message, asked: bytes, answer: bytes) -> None:
        """Records a call, its units and its function."""
        target = headers.get("X-Amz-Target", "")
        operation = target.rpartition(".")[2]
        if not operation:
            return
        used = 0.0
        if target.startswith("DynamoDB"):
            told = json.loads(answer or b"{}").get("ConsumedCapacity") or []
            used = sum(each["CapacityUnits"] for each in (told if isinstance(told, list) else [told]))
        # Functions send their names: shared/lambda/src/aws.rs.
        function = re.search(r"\bapp/(\S+)", headers.get("User-Agent", ""))
        assert function, headers.get("User-Agent")
        body, service = json.loads(asked), SERVICES[target.partition(".")[0]]
        resource = body.get("TableName") or body.get("Name") or ""
        with self.lock:
            self.used.add((function[1], f"{service}:{operation}", resource))
            self.calls[operation] += 1
            self.units[operation] += used

    def stop(self) -> None:
        """Goes on, in silence: functions that still run have nobody to call."""
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]

    def reset(self) -> None:
        """Resets the counts, not the permissions."""
        with self.lock:
            self.calls.clear()
            self.units.clear()
