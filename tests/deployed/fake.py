"""A fake of a shop on 127.0.0.1: a server that hands each request to the shop, one after another."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class FakeShop:
    """The shop, for as long as the block runs."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        # By upper-case code.
        self.spent: set[str] = set()
        self.violations: list[str] = []
        self.numbers = 0
        shop = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                """Suppresses the log."""

            def respond(self) -> None:
                """Responds to a request."""
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with shop.lock:
                    status, body = shop.respond(self.path, self.headers, json.loads(sent) if sent else None)
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = respond
            do_POST = respond

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.server.shutdown()
        self.server.server_close()

    def respond(self, path: str, headers: Mapping[str, str], asked: Any) -> tuple[int, Any]:
        """The status and body of a response."""
        raise NotImplementedError

    def works(self, code: str) -> bool:
        """Whether a discount has this upper-case code."""
        raise NotImplementedError

    def accepts(self, code: str) -> bool:
        """Whether the checkout would accept a code."""
        with self.lock:
            return self.works(code.upper()) and code.upper() not in self.spent

    def checkout(self, code: str) -> bool:
        """A shopper types a code; True when it is accepted, which uses it up."""
        is_accepted = self.accepts(code)
        with self.lock:
            self.spent.add(code.upper())
        return is_accepted
