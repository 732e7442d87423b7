"""The main journeys, shared by both stacks."""

import json
import time
import unittest
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from stack import Answer, Stack

ROME = ZoneInfo("Europe/Rome")


def rule(name: str, trigger: dict[str, Any], credit: dict[str, Any]) -> dict[str, Any]:
    """An active rule."""
    return {
        "id": name,
        "name": name,
        "status": "active",
        "starts_at": "2020-01-01T00:00:00",
        "on": trigger,
        "then": [{"credit": credit}],
    }


PROGRAM = {
    "name": "Club Ada",
    "currency": "EUR",
    "timezone": "Europe/Rome",
    "locale": "it",
    "points": {"name": {"one": "punto", "other": "punti"}},
    "tiers": {
        "ladder": [
            {"id": "base", "name": "Base", "threshold": 0},
            {"id": "silver", "name": "Silver", "threshold": 500},
        ]
    },
    "rewards": [
        {
            "id": "five-off",
            "name": "Five",
            "type": "amount_off",
            "value": "5.00",
            "cost": 100,
            "code": {"pattern": "ADA-########"},
        }
    ],
    "rules": [
        rule("per-euro", {"receipt": {}}, {"per_unit": "1", "kind": "both"}),
        rule("gift", {"birthday": {"days_before": 1}}, {"points": 50}),
        rule("review", {"interaction": {"name": "review"}}, {"points": 10}),
    ],
}


def now(minutes: int = 0) -> str:
    """The time some minutes ago."""
    return (datetime.now(timezone.utc) - timedelta(minutes=minutes)).isoformat()


def receipt(name: str, member: dict[str, str], total: str, **more: Any) -> dict[str, Any]:
    """A receipt from ten minutes ago."""
    return {"id": name, "occurred_at": now(10), "member": member, "currency": "EUR", "total": total, **more}


class Journeys(unittest.TestCase):
    """The journeys of customers, shops and the operator."""

    stack: Stack

    @classmethod
    def setUpClass(cls) -> None:
        """Creates a program, and a member whose birthday is tomorrow, before any schedule runs."""
        answer = cls.stack.call("PUT", "/v1/program", PROGRAM)
        assert answer.status == 200, answer
        birthday = (datetime.now(ROME) + timedelta(days=1)).strftime("1992-%m-%d")
        answer = cls.stack.call("POST", "/v1/members", {"id": "hilda", "birth_date": birthday})
        assert answer.status == 201, answer

    def post(self, path: str, body: Any, status: int) -> Any:
        """Sends a request and checks its status."""
        return self.answered(self.stack.call("POST", path, body), status)

    def get(self, path: str) -> Any:
        """Sends a request that must succeed."""
        return self.answered(self.stack.call("GET", path), 200)

    def answered(self, answer: Answer, status: int) -> Any:
        """The body of a response, after a check of its status."""
        self.assertEqual(answer.status, status, answer.body)
        return answer.body

    def points(self, member: str) -> int:
        """A member's available points."""
        return int(self.get(f"/v1/members/{member}")["points"]["available"])

    def test_points_a_tier_a_reward_and_a_refund(self) -> None:
        """A customer enrols, buys, reaches a tier, redeems, uses the coupon and returns goods."""
        joined = self.post("/v1/members", {"id": "ada", "email": "Ada@Example.com", "verified": ["email"]}, 201)
        self.assertEqual(joined["tier"]["id"], "base")
        self.post("/v1/receipts", receipt("ada-1", {"email": "ada@example.com"}, "620.50"), 202)
        decision = self.stack.evaluated("ada-1")["decision"]
        self.assertEqual(decision["points"], {"redeemable": 620, "qualifying": 620})
        self.assertEqual(decision["tier"], {"before": "base", "after": "silver"})
        # A repeated receipt changes nothing; another one with its id is refused.
        again = receipt("ada-1", {"email": "ada@example.com"}, "620.50")
        again["occurred_at"] = self.get("/v1/receipts/ada-1")["occurred_at"]
        self.post("/v1/receipts", again, 200)
        self.post("/v1/receipts", again | {"total": "1.00"}, 422)

        code = self.post("/v1/members/email:ada@example.com/redemptions", {"reward": "five-off"}, 201)["code"]
        self.assertEqual(self.points("ada"), 520)
        self.post("/v1/receipts", receipt("ada-2", {"id": "ada"}, "30.00", coupons=[code]), 202)
        self.stack.evaluated("ada-2")
        self.assertEqual(self.get(f"/v1/coupons/{code}")["status"], "used")

        self.post("/v1/receipts/ada-1/refunds", {"id": "r", "occurred_at": now(5), "amount": "600.00"}, 202)
        self.stack.until("the refund is decided", lambda: self.points("ada") == 0)
        member = self.get("/v1/members/ada")
        self.assertEqual((member["points"]["debt"], member["tier"]["id"]), (50, "base"))
        kinds = [entry["type"] for entry in self.get("/v1/members/ada/entries")["items"]]
        self.assertEqual(set(kinds), {"earn", "redeem", "reverse"})
        award = {"award": 60, "reason": "sorry for the trouble"}
        self.post("/v1/members/email:ada@example.com/adjustments", award, 201)
        self.assertEqual(self.points("ada"), 10)

    def test_a_refund_that_comes_before_its_receipt(self) -> None:
        """Facts arrive in any order."""
        self.post("/v1/receipts/early/refunds", {"id": "r", "occurred_at": now(5), "amount": "10.00"}, 202)
        self.post("/v1/receipts", receipt("early", {"id": "bea"}, "30.00"), 202)
        self.stack.evaluated("early")
        self.stack.until("the refund is decided", lambda: self.points("bea") == 20)

    def test_an_interaction(self) -> None:
        """Interactions earn points too."""
        body = {"id": "i", "name": "review", "occurred_at": now(1), "member": {"id": "carla"}}
        self.post("/v1/interactions", body, 202)
        self.stack.until("the interaction is decided", lambda: self.points("carla") == 10)

    def test_forged_credentials(self) -> None:
        """Credentials give access to their scopes only."""
        self.post("/v1/members", {"id": "dora"}, 201)
        self.post("/v1/members", {"id": "eva"}, 201)
        good = self.stack.token("dora")
        key = self.post("/v1/api-keys", {"name": "till", "scopes": ["receipts:write"]}, 201)["key"]
        hub = "/v1/members/dora/hub"
        for path, credentials, status in [
            (hub, good, 200),
            ("/v1/hub", good, 200),
            ("/v1/hub", self.stack.token("dora", "another secret"), 401),
            ("/v1/hub", None, 401),
            ("/v1/members/eva/hub", good, 403),
            ("/v1/program", good, 403),
            (hub, self.stack.token("dora", "another secret"), 401),
            (hub, good[:-2] + "xx", 401),
            (hub, "tsk_nobody", 401),
            (hub, None, 401),
            ("/v1/program", key, 403),
        ]:
            answer = self.stack.call("GET", path, credentials=credentials)
            self.assertEqual(answer.status, status, (path, credentials, answer.body))
        sold = receipt("till-1", {"id": "dora"}, "5.00")
        self.assertEqual(self.stack.call("POST", "/v1/receipts", sold, credentials=key).status, 202)

    def test_a_new_storefront_secret(self) -> None:
        """A rotated secret signs tokens, and the stored one can be decrypted."""
        self.post("/v1/members", {"id": "ines"}, 201)
        self.stack.secret = self.post("/v1/storefront-secret/rotate", {}, 200)["secret"]
        token = self.stack.token("ines")
        self.stack.until("the secret is known", lambda: self.stack.call("GET", "/v1/hub", credentials=token).status == 200)

    def test_a_backtest(self) -> None:
        """A backtest replays the stored receipts."""
        sold = receipt("draft-1", {"id": "jana"}, "10.00", store="roma-09")
        self.post("/v1/receipts", sold, 202)
        self.stack.evaluated("draft-1")
        draft = rule("roma", {"receipt": {"where": {"stores": ["roma-09"]}}}, {"points": 25})
        backtest = self.post("/v1/rules/backtest", {"rules": [draft]}, 202)["id"]

        def done() -> Any:
            found = self.get(f"/v1/rules/backtest/{backtest}")
            return found["report"] if found["status"] == "done" else None

        self.assertEqual(self.stack.until("the backtest is done", done)["draft"]["points"]["issued"], 25)

    def test_a_schedule(self) -> None:
        """The job sends members whose gift is due today and moves its marker. The gift itself needs a day that begins after
        the enrolment: the local stack's tests cover it by moving the clock."""
        self.assertEqual(self.stack.run_job("birthdays"), {"programs": 1, "members": 1, "failed": 0, "unfinished": 0})
        self.assertEqual(self.stack.run_job("birthdays"), {"programs": 0, "members": 0, "failed": 0, "unfinished": 0})
        self.assertEqual(self.stack.run_job("inactivity"), {"programs": 1, "members": 0, "failed": 0, "unfinished": 0})
        self.stack.until("the queue is drained", lambda: self.stack.waiting("facts.fifo") == 0)
        self.assertEqual(self.points("hilda"), 0)

    def test_a_poison_message_is_put_aside_and_redriven(self) -> None:
        """A message that cannot be decided becomes a dead letter without blocking others. After the cause is fixed, a redrive
        decides it once."""
        member = self.post("/v1/members", {"id": "fara"}, 201)["inner_id"]
        # Like an operator who does not wait for the schedule.
        self.stack.sqs.set_queue_attributes(
            QueueUrl=self.stack.queue("facts.fifo"), Attributes={"VisibilityTimeout": "1"}
        )
        message = {"version": 1, "program": self.stack.program, "member": member, "type": "receipt", "receipt": "late"}
        self.stack.sqs.send_message(
            QueueUrl=self.stack.queue("facts.fifo"),
            MessageBody=json.dumps(message),
            MessageGroupId="poison",
            MessageDeduplicationId="poison",
        )
        self.post("/v1/receipts", receipt("meanwhile", {"id": "gina"}, "7.00"), 202)
        self.stack.evaluated("meanwhile")
        self.stack.until("the message is given up", lambda: self.stack.waiting("facts-dead.fifo") == 1)
        self.post("/v1/receipts", receipt("late", {"id": "fara"}, "40.00"), 202)
        self.stack.evaluated("late")
        self.assertIn("1 dead letters sent again", self.stack.tessera("redrive", "dead-letters"))
        self.stack.until("the queue is drained", lambda: self.stack.waiting("facts.fifo") == 0)
        self.assertEqual((self.points("fara"), self.stack.waiting("facts-dead.fifo")), (40, 0))
        said = self.stack.tessera("redrive", "facts", "--from", now(60), "--to", now())
        self.assertIn(", of which 0 had no decision", said)

    @classmethod
    def tearDownClass(cls) -> None:
        """After all journeys, every balance is verified."""
        assert "every balance is proven" in cls.stack.tessera("verify", "--stack", "tessera")
