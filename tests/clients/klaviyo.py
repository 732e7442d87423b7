"""Every body that reaches Klaviyo, checked by the models of its official Python client (`klaviyo-api`), which are made from
Klaviyo's published description. The client itself talks to the stand-in first, to prove it."""

import functools
import json
import os
import subprocess
import sys
import threading
import unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from klaviyo_api import KlaviyoAPI
from openapi_client import models
from pydantic import ValidationError

ROOT = Path(__file__).resolve().parent.parent.parent
TESSERA = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "tessera"
ADMIN = "tsk_clients_admin"
LANGUAGES = ["en", "it", "ro", "ru"]

LINKS = {"self": "https://a.klaviyo.com/api/x"}
JOB = {
    "type": "profile-bulk-import-job",
    "id": "1",
    "attributes": {"status": "complete", "created_at": "2026-03-01T12:00:00+00:00", "total_count": 1},
    "relationships": {"lists": {}, "profiles": {}, "import-errors": {}},
    "links": LINKS,
}
DUPLICATE = "01GDDKASAP8TKDDA2GRZDSVP4H"
# What Klaviyo's documentation shows for an identifier of another profile.
CONFLICT = {
    "errors": [
        {
            "id": "4d8f2c1e",
            "status": 409,
            "code": "duplicate_profile",
            "title": "Conflict.",
            "detail": "A profile already exists with one of these identifiers.",
            "source": {"pointer": "/data/attributes"},
            "links": {},
            "meta": {"duplicate_profile_id": DUPLICATE},
        }
    ]
}
METRICS = ["Referral Shared", "Referral Progress", "Referral Reminder", "Referral Completed", "Coupon Used"]

# What each request must be, and what the stand-in responds.
POSTS: dict[str, tuple[Any, int, Any]] = {
    "/api/events": (models.EventCreateQueryV2, 202, None),
    "/api/profile-import": (
        models.ProfileUpsertQuery,
        200,
        {"data": {"type": "profile", "id": "1", "attributes": {}, "links": LINKS}},
    ),
    "/api/profile-bulk-import-jobs": (models.ProfileImportJobCreateQuery, 202, {"data": JOB}),
    "/api/data-privacy-deletion-jobs": (models.DataPrivacyCreateDeletionJobQuery, 202, None),
    "/api/templates": (models.TemplateCreateHtmlOrDndQuery, 201, {"data": {"type": "template", "id": "T1"}}),
    "/api/flows": (models.FlowCreateQuery, 201, {"data": {"type": "flow", "id": "F1"}}),
}
GETS: dict[str, Any] = {
    "/api/profile-bulk-import-jobs/1": {"data": JOB},
    "/api/profile-bulk-import-jobs/1/import-errors": {"data": [], "links": LINKS},
    "/api/metrics": {
        "data": [{"type": "metric", "id": f"M{n}", "attributes": {"name": name}} for n, name in enumerate(METRICS)],
        "links": {"next": None},
    },
}


def unknown(value: Any, known: Any, at: str = "") -> list[str]:
    """The fields of a value that its model has left out."""
    if isinstance(value, dict) and isinstance(known, dict):
        inner = [unknown(value[name], known[name], f"{at}/{name}") for name in value if name in known]
        return [f"{at}/{name}: not in the description" for name in value if name not in known] + sum(inner, [])
    if isinstance(value, list) and isinstance(known, list):
        return sum((unknown(one, other, f"{at}/{n}") for n, (one, other) in enumerate(zip(value, known))), [])
    return []


def faults(model: Any, body: Any) -> list[str]:
    """What is wrong with a body by its model: missing fields, other types, and fields that the model does not have."""
    try:
        return unknown(body, model.from_dict(body).to_dict())
    except (ValidationError, KeyError, ValueError) as error:
        return [f"{model.__name__}: {error}"]


class Klaviyo(ThreadingHTTPServer):
    """A stand-in of Klaviyo that checks what it receives."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken: list[tuple[str, Any]] = []
        self.faults: list[str] = []
        self.known: set[str] = set()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def bodies(self, path: str) -> list[Any]:
        """The bodies that were sent to a path."""
        return [body for to, body in self.taken if to == path]


class Handler(BaseHTTPRequestHandler):
    """Responds to a request."""

    server: Klaviyo

    def log_message(self, format: str, *args: Any) -> None:
        """Prints nothing."""

    def do_GET(self) -> None:
        """A read."""
        path = self.path.split("?")[0]
        found = GETS.get(path)
        self.checked(path, [] if found else [f"{path}: unknown"], 200, found)

    def do_POST(self) -> None:
        """A body, which is checked."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.taken.append((self.path, body))
        if self.path not in POSTS:
            self.checked(self.path, [f"{self.path}: unknown"], 404, None)
            return
        model, status, response = POSTS[self.path]
        profile = body["data"]["attributes"].get("profile", {}).get("data", {}) if self.path == "/api/events" else body["data"]
        if profile.get("attributes", {}).get("email") in self.server.known and "id" not in profile:
            status, response = 409, CONFLICT
        self.checked(self.path, faults(model, body), status, response)

    def checked(self, path: str, found: list[str], status: int, response: Any) -> None:
        """Checks the headers, remembers the faults, and responds."""
        for name, wanted in [("authorization", "Klaviyo-API-Key pk_1"), ("revision", "2026-07-15")]:
            if self.headers[name] != wanted:
                found.append(f"{path}: {name}: {self.headers[name]}")
        self.server.faults.extend(found)
        self.send_response(400 if found else status)
        text = b"" if response is None else json.dumps(response).encode()
        self.send_header("content-type", "application/vnd.api+json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


PROGRAM = {
    "name": "Club Ada",
    "currency": "EUR",
    "timezone": "Europe/Rome",
    "locale": "it",
    "tiers": {"ladder": [{"id": "base", "name": "Base", "threshold": 0}, {"id": "silver", "name": "Silver", "threshold": 500}]},
    "rewards": [
        {"id": "five", "name": "Five", "type": "amount_off", "value": "5.00", "cost": 10, "code": {"pattern": "ADA-########"}}
    ],
    "rules": [
        {
            "id": "per-euro",
            "name": "A point per euro",
            "status": "active",
            "starts_at": "2020-01-01T00:00:00",
            "on": {"receipt": {}},
            "then": [{"credit": {"per_unit": "1", "kind": "both"}}, {"reward": {"reward": "five"}}],
        }
    ],
}


class Bodies(unittest.TestCase):
    """What reaches Klaviyo is what Klaviyo describes."""

    def setUp(self) -> None:
        self.klaviyo = Klaviyo()
        self.addCleanup(self.klaviyo.server_close)
        self.addCleanup(self.klaviyo.shutdown)

    def test_the_stand_in_takes_the_requests_of_the_official_client(self) -> None:
        """It finds no fault with them, and the client reads the responses. It refuses what the description does not allow."""
        client = KlaviyoAPI("pk_1", max_retries=1, test_host=self.klaviyo.url)
        profile = {"type": "profile", "attributes": {"external_id": "c-1", "properties": {"Loyalty State": "member"}}}
        metric = {"data": {"type": "metric", "attributes": {"name": "Points Earned"}}}
        event = {"properties": {"Points": 20}, "unique_id": "e-1", "metric": metric, "profile": {"data": profile}}
        client.Events.create_event({"data": {"type": "event", "attributes": event}})
        self.assertEqual(client.Profiles.create_or_update_profile({"data": profile}).data.id, "1")
        other = profile | {"id": DUPLICATE}
        client.Events.create_event({"data": {"type": "event", "attributes": event | {"profile": {"data": other}}}})
        self.assertEqual(client.Profiles.create_or_update_profile({"data": other}).data.id, "1")
        job = {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": [profile]}}}
        self.assertEqual(client.Profiles.bulk_import_profiles({"data": job}).data.id, "1")
        done = client.Profiles.get_bulk_import_profiles_job("1")
        self.assertEqual(done.data.attributes.status, "complete")
        self.assertEqual(client.Profiles.get_errors_for_bulk_import_profiles_job("1").data, [])
        named = {"data": {"type": "profile", "id": "1", "attributes": {}}}
        deletion = {"type": "data-privacy-deletion-job", "attributes": {"profile": named}}
        client.Data_Privacy.request_profile_deletion({"data": deletion})
        self.assertEqual(self.klaviyo.faults, [])
        self.assertEqual(len(self.klaviyo.taken), 6)
        model = models.EventCreateQueryV2
        for name, value in [("uniqueId", "e-1"), ("metric", None), ("unique_id", 1), ("properties", [])]:
            wrong = {"data": {"type": "event", "attributes": {**event, name: value}}}
            self.assertTrue(faults(model, wrong), name)

    def test_what_tessera_sends(self) -> None:
        """Events, profiles, a backfill and a deletion."""
        words = [TESSERA, "--empty", "--memory", "--port", "0", "--admin-key", ADMIN]
        stack = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.addCleanup(stack.wait)
        self.addCleanup(stack.terminate)
        assert stack.stdout
        self.addCleanup(stack.stdout.close)
        url = next(line.split()[1] for line in stack.stdout if line.startswith("ready "))
        send = functools.partial(self.send, url)
        send("PUT", "/v1/program", PROGRAM)
        connection = {"enabled": True, "settings": {"base_url": self.klaviyo.url}, "credentials": {"api_key": "pk_1"}}
        send("PUT", "/v1/integrations/klaviyo", connection)
        ada = {"id": "c-1", "email": "ada@example.com", "verified": ["email"], "first_name": "Ada"}
        send("POST", "/v1/members", ada)
        sold = {"id": "r-1", "occurred_at": "2026-01-02T03:04:05Z", "currency": "EUR", "member": {"id": "c-1"}}
        send("POST", "/v1/receipts", sold | {"total": "620.00"})
        send("POST", "/_local/settle")
        send("POST", "/v1/members/c-1/redemptions", {"reward": "five"})
        send("POST", "/v1/members/c-1/adjustments", {"award": 5, "reason": "sorry"})
        send("POST", "/v1/integrations/klaviyo/backfill")
        send("POST", "/_local/settle")
        send("DELETE", "/v1/members/c-1")
        send("POST", "/_local/settle")
        self.assertEqual(self.klaviyo.faults, [])
        self.assertEqual({path for path, _ in self.klaviyo.taken}, set(POSTS) - {"/api/templates", "/api/flows"})
        self.klaviyo.known.add("bob@example.com")
        send("POST", "/v1/members", {"id": "c-2", "email": "bob@example.com", "verified": ["email"]})
        send("POST", "/v1/receipts", sold | {"id": "r-2", "member": {"id": "c-2"}, "total": "20.00"})
        send("POST", "/_local/settle")
        self.assertEqual(self.klaviyo.faults, [])
        of_bob = [body["data"]["attributes"]["profile"]["data"] for body in self.klaviyo.bodies("/api/events")]
        of_bob = [profile for profile in of_bob if profile["attributes"]["external_id"] == "c-2"]
        self.assertIn(DUPLICATE, [profile.get("id") for profile in of_bob])
        self.assertEqual(send("GET", "/v1/integrations/klaviyo")["health"]["dead"], 0)
        of_events = [body["data"]["attributes"] for body in self.klaviyo.bodies("/api/events")]
        sent = {event["metric"]["data"]["attributes"]["name"] for event in of_events}
        self.assertLessEqual({"Points Earned", "Points Redeemed", "Coupon Assigned", "Tier Achieved"}, sent)

    def send(self, url: str, method: str, path: str, body: Any = None) -> Any:
        """Sends a request that must succeed."""
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url + path, data, headers, method=method), timeout=60) as response:
            text = response.read()
        return json.loads(text) if text else None

    def test_what_the_importer_sends(self) -> None:
        """Templates and flows, in every language."""
        importer = ROOT / "docs/connections/klaviyo/import.py"
        for language in LANGUAGES:
            words = [sys.executable, importer, "--language", language, "--host", self.klaviyo.url]
            words += ["--shop", "https://shop.example/", "--until", "31/3"]
            words += ["--from-email", "hello@shop.example", "--from-label", "Club Ada"]
            done = subprocess.run(words, env=os.environ | {"KLAVIYO_API_KEY": "pk_1"}, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.klaviyo.faults, [])
        self.assertEqual(len(self.klaviyo.bodies("/api/templates")), 10 * len(LANGUAGES))
        self.assertEqual(len(self.klaviyo.bodies("/api/flows")), 5 * len(LANGUAGES))


if __name__ == "__main__":
    unittest.main()
