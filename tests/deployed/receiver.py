"""A server on 127.0.0.1 that takes events: a webhook's, and those of Klaviyo."""

import base64
import hashlib
import hmac
import json
import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class Receiver:
    """The server, for as long as the block runs."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.received: list[tuple[str, Message, bytes]] = []
        receiver = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                """Suppresses the log."""

            def do_POST(self) -> None:
                """Takes an event."""
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with receiver.lock:
                    receiver.received.append((self.path, self.headers, sent))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.server.shutdown()
        self.server.server_close()

    def sent_to(self, path: str) -> list[tuple[Message, bytes]]:
        """The headers and bodies of the requests to a path."""
        with self.lock:
            return [(headers, sent) for to, headers, sent in self.received if to == path]

    def webhooks(self, member: str, secret: str) -> dict[str, Any]:
        """The last event of each type about a member, of those whose signature is right."""
        events = [json.loads(sent) for headers, sent in self.sent_to("/hook") if signed(headers, sent, secret)]
        return {event["type"]: event for event in events if event["data"].get("member") == member}

    def metrics(self, customer: str) -> dict[str, Any]:
        """The last event of each metric about a customer, as Klaviyo gets it."""
        events = [json.loads(sent)["data"]["attributes"] for _, sent in self.sent_to("/api/events")]
        profile = [(event, event["profile"]["data"]["attributes"]) for event in events]
        of_customer = [event for event, attributes in profile if attributes.get("external_id") == customer]
        return {event["metric"]["data"]["attributes"]["name"]: event for event in of_customer}


def signed(headers: Message, sent: bytes, secret: str) -> bool:
    """Whether a webhook is signed as Standard Webhooks says."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + sent
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return f"v1,{digest}" in headers["webhook-signature"].split()
