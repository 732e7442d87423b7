"""The main journeys, shared by both stacks."""

import hashlib
import hmac
import json
import time
import unittest
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import shopify
import woocommerce
from receiver import Receiver
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
    "referral": {
        "enabled": True,
        "advocates": {"who": "members"},
        "conversion": {"receipt": {"spend_at_least": "20.00", "first_only": True}},
        "code": {"length": 8},
        "attribution_days": 30,
        "hold_days": 0,
        "friend": {"on": "qualified", "then": [{"credit": {"points": 20}}]},
        "advocate": {"mode": "additive", "milestones": [{"at": 1, "then": [{"credit": {"points": 40}}]}]},
    },
    "storefront": {"shop_url": "https://shop.example"},
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

    def deliver(self, sent: bytes, headers: dict[str, str], vendor: str = "shopify") -> None:
        """Delivers an event of a shop."""
        path = f"/v1/webhooks/{vendor}/{self.stack.program}"

        def is_taken() -> bool:
            return self.stack.call("POST", path, sent, None, headers).status == 200

        # Functions learn of a new connection within seconds.
        self.stack.until("the delivery is taken", is_taken)

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
        self.get("/v1/notices?member=email:ada@example.com")
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

    def test_a_shops_orders_come_in(self) -> None:
        """Signed deliveries of a till and of Shopify become points; an order that changed goes through the queue of what shops
        delivered. A shop that is down is polled in vain and holds nothing up."""
        secret = "a-secret-of-the-tests-0123456789"
        connect = {
            "enabled": True,
            "settings": {
                "signature": {"scheme": "hmac_sha256", "header": "x-till-signature", "encoding": "hex"},
                "mappings": [
                    {
                        "receipt": {
                            "id": "/number",
                            "occurred_at": "/time",
                            "currency": {"const": "EUR"},
                            "total": "/total",
                            "member": {"id": "/customer"},
                        }
                    }
                ],
            },
            "credentials": {"secret": secret},
        }
        self.answered(self.stack.call("PUT", "/v1/integrations/generic/till", connect), 200)
        sale = json.dumps({"number": "1", "time": now(5), "total": "12.00", "customer": "kira"}).encode()
        signature = hmac.new(secret.encode(), sale, hashlib.sha256).hexdigest()
        path = f"/v1/hooks/{self.stack.program}/till"
        for given, status in [("00", 401), (signature, 200), (signature, 200)]:
            answer = self.stack.call("POST", path, sale, None, {"x-till-signature": given})
            self.answered(answer, status)
        self.stack.evaluated("till:1")
        self.assertEqual(self.points("kira"), 12)

        credentials = {"shop": shopify.SHOP, "client_id": "id", "client_secret": secret}
        connect = {"enabled": True, "settings": {}, "credentials": credentials}
        self.answered(self.stack.call("PUT", "/v1/integrations/shopify", connect), 200)
        sold = shopify.order(77, 4711, "30.00", now(5), [])
        for topic in ["orders/paid", "orders/updated"]:
            self.deliver(*shopify.signed(topic, sold, secret))
        self.stack.evaluated("shopify:77")
        self.stack.until("the queue is drained", lambda: self.stack.waiting("inbound.fifo") == 0)
        self.assertEqual(self.points("4711"), 30)
        self.assertEqual(self.get("/v1/integrations/shopify")["health"]["dead"], 0)
        # An order that reaches a tier, and its refund.
        self.deliver(*shopify.signed("orders/paid", shopify.order(79, 4712, "620.00", now(5), []), secret))
        self.assertEqual(self.stack.evaluated("shopify:79")["decision"]["tier"], {"before": "base", "after": "silver"})
        self.assertEqual(self.points("4712"), 620)
        self.deliver(*shopify.signed("refunds/create", shopify.refund(2, 79, "620.00", now()), secret))
        self.stack.until("the refund is decided", lambda: self.points("4712") == 0)
        self.assertEqual(self.get("/v1/members/4712")["tier"]["id"], "base")
        # No test asks a real shop for anything.
        self.answered(self.stack.call("PUT", "/v1/integrations/shopify", {"enabled": False, "settings": {}}), 200)

        connect = {
            "enabled": True,
            "settings": {"base_url": "https://shop.invalid"},
            "credentials": {"consumer_key": "ck", "consumer_secret": "cs", "webhook_secret": secret},
        }
        self.answered(self.stack.call("PUT", "/v1/integrations/woocommerce", connect), 200)
        self.assertEqual(self.stack.run_job("inbound-poll"), {"asked": 1})
        # The shop is down: what was asked for waits for its next attempt.
        path = "/v1/integrations/woocommerce"
        self.stack.until("the attempt has failed", lambda: self.get(path)["health"]["last_error"])
        connect = {"enabled": False, "settings": connect["settings"]}
        self.answered(self.stack.call("PUT", "/v1/integrations/woocommerce", connect), 200)

    def test_codes_that_the_shops_checkout_accepts(self) -> None:
        """A redeemed code works at the checkout of Shopify. The order uses its coupon, and the refund brings the points back. A
        cancelled coupon's code is deleted; a reward that is withdrawn gives no discount any more."""
        customer, reward = 5120, {"id": "at-checkout", "name": "Five at the checkout", "type": "amount_off"}
        reward |= {"value": "5.00", "cost": 100, "code": {"provider": "shopify"}}
        self.post("/v1/members", {"id": str(customer)}, 201)
        self.post(f"/v1/members/{customer}/adjustments", {"award": 300, "reason": "opening"}, 201)
        path, redemptions = "/v1/integrations/shopify", f"/v1/members/{customer}/redemptions"

        def has_points(points: int) -> Any:
            return lambda: self.points(str(customer)) == points

        with shopify.FakeShopify() as shop:
            connect: dict[str, Any] = {
                "enabled": True,
                "settings": {"base_url": shop.url, "codes": {"low_water": 5, "fill_to": 5}},
                "credentials": {"shop": shopify.SHOP, "client_id": "id", "client_secret": shopify.SECRET},
            }
            self.answered(self.stack.call("PUT", path, connect), 200)
            # Publishing fills the pool.
            self.post("/v1/rewards", reward, 201)

            def is_filled() -> bool:
                codes = self.get(path)["health"]["codes"]
                return [each["ready"] for each in codes if each["reward"] == reward["id"]] == [5]

            self.stack.until("the pool is filled", is_filled)

            def redeemed() -> Any:
                # Functions learn of a new reward within seconds.
                return self.stack.call("POST", redemptions, {"reward": reward["id"]}).body.get("code")

            code, other = (self.stack.until("the reward is redeemed", redeemed) for _ in range(2))
            self.assertEqual(self.points(str(customer)), 100)

            self.assertTrue(shop.checkout(code.lower()))
            paid = shopify.order(78, customer, "30.00", now(1), [code.lower()])
            self.deliver(*shopify.signed("orders/paid", paid))
            self.stack.evaluated("shopify:78")
            self.assertEqual(self.get(f"/v1/coupons/{code}")["status"], "used")
            self.assertEqual(self.points(str(customer)), 130)
            self.deliver(*shopify.signed("refunds/create", shopify.refund(1, 78, "30.00", now())))
            self.stack.until("the points are back", has_points(200))

            self.assertTrue(shop.accepts(other))
            self.post(f"/v1/coupons/{other}/cancel", {}, 200)
            self.stack.until("the code is deleted", has_points(300))
            self.assertFalse(shop.checkout(other))

            reward["code"] = {"pattern": "ADA-########"}
            self.answered(self.stack.call("PUT", f"/v1/rewards/{reward['id']}", reward), 200)
            self.stack.until("the discount is deactivated", lambda: not any(shop.discounts.values()))
            self.assertEqual((shop.tokens, shop.violations), (1, []))
            # The customer asks the shop to be forgotten.
            forget = {"shop_domain": shopify.SHOP, "customer": {"id": customer}, "orders_to_redact": [78]}
            self.deliver(*shopify.signed("customers/redact", forget))
            member = f"/v1/members/{customer}"
            self.stack.until("the member is erased", lambda: self.stack.call("GET", member).status == 404)
            disconnect = {"enabled": False, "settings": connect["settings"]}
            self.answered(self.stack.call("PUT", path, disconnect), 200)

    def test_coupons_of_woocommerce(self) -> None:
        """A redeemed code works at the checkout of WooCommerce. The order uses its coupon, and the refund brings the points back.
        An order of nobody takes a ready code out of the pool. A cancelled coupon is deleted in the shop."""
        customer, reward = 5130, {"id": "at-woocommerce", "name": "Five at WooCommerce", "type": "amount_off"}
        reward |= {"value": "5.00", "cost": 100, "code": {"provider": "woocommerce"}}
        self.post("/v1/members", {"id": str(customer)}, 201)
        self.post(f"/v1/members/{customer}/adjustments", {"award": 300, "reason": "opening"}, 201)
        path, redemptions = "/v1/integrations/woocommerce", f"/v1/members/{customer}/redemptions"

        def has_points(points: int) -> Any:
            return lambda: self.points(str(customer)) == points

        def gmt(minutes: int) -> str:
            return (datetime.now(timezone.utc) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S")

        with woocommerce.FakeWoocommerce() as shop:
            credentials = {"consumer_key": woocommerce.KEY, "consumer_secret": woocommerce.KEY_SECRET}
            connect: dict[str, Any] = {
                "enabled": True,
                "settings": {"base_url": shop.url, "codes": {"low_water": 5, "fill_to": 5}},
                "credentials": credentials | {"webhook_secret": woocommerce.SECRET},
            }
            self.answered(self.stack.call("PUT", path, connect), 200)
            self.post("/v1/rewards", reward, 201)

            def counts(**expected: int) -> Any:
                def are() -> bool:
                    found = [each for each in self.get(path)["health"]["codes"] if each["reward"] == reward["id"]]
                    return bool(found) and found[0] == found[0] | expected

                return are

            self.stack.until("the pool is filled", counts(ready=5))

            def redeemed() -> Any:
                return self.stack.call("POST", redemptions, {"reward": reward["id"]}).body.get("code")

            code, other = (self.stack.until("the reward is redeemed", redeemed) for _ in range(2))
            self.assertTrue(shop.checkout(code.lower()))
            paid = woocommerce.order(81, customer, "30.00", gmt(2), [code.lower()])
            self.deliver(*woocommerce.signed(paid), "woocommerce")
            self.stack.evaluated("woocommerce:81")
            self.assertEqual(self.get(f"/v1/coupons/{code}")["status"], "used")
            self.assertEqual(self.points(str(customer)), 130)
            self.deliver(*woocommerce.signed(shop.refund(paid, 82, gmt(1))), "woocommerce")
            self.stack.until("the points are back", has_points(200))

            ready = next(each for each in list(shop.coupons) if shop.accepts(each) and each != other)
            self.assertTrue(shop.checkout(ready))
            nobodys = woocommerce.order(83, 0, "30.00", gmt(1), [ready.lower()])
            self.deliver(*woocommerce.signed(nobodys), "woocommerce")
            self.stack.until("the code has left the pool", counts(spent=1, ready=5))

            self.assertTrue(shop.accepts(other))
            self.post(f"/v1/coupons/{other}/cancel", {}, 200)
            self.stack.until("the coupon is deleted", has_points(300))
            self.assertFalse(shop.checkout(other))

            reward["code"] = {"pattern": "ADA-########"}
            self.answered(self.stack.call("PUT", f"/v1/rewards/{reward['id']}", reward), 200)
            self.stack.until("no coupon works", lambda: not any(shop.accepts(each) for each in list(shop.coupons)))
            self.assertEqual(shop.violations, [])
            disconnect = {"enabled": False, "settings": connect["settings"]}
            self.answered(self.stack.call("PUT", path, disconnect), 200)

    def test_a_friend_is_referred(self) -> None:
        """A friend follows an advocate's link and buys; both are rewarded."""
        self.post("/v1/members", {"id": "lara"}, 201)
        shared = self.post("/v1/members/lara/referral-shares", {"channel": "whatsapp"}, 201)
        link = f"/r/{self.stack.program}/{shared['code']}"
        self.answered(self.stack.call("GET", link, credentials=None), 302)
        friend = {"id": "milo", "email": "milo@example.com", "verified": ["email"], "referral_code": shared["code"]}
        self.post("/v1/members", friend, 201)
        self.post("/v1/receipts", receipt("friend-1", {"id": "milo"}, "50.00", occurred_at=now()), 202)
        self.stack.evaluated("friend-1")
        self.stack.until("the advocate is rewarded", lambda: self.points("lara") == 40)
        self.stack.until("the friend is rewarded", lambda: self.points("milo") == 70)
        self.assertEqual(len(self.get("/v1/members/lara/referrals?limit=1")["items"]), 1)

    def test_members_move_in_and_out(self) -> None:
        """A file of members is imported once, exported, and one of them is erased."""
        made = self.post("/v1/imports", {"kind": "members", "source": "smile", "mode": "add", "key": "first"}, 201)
        path = f"/v1/imports/{made['id']}"
        rows = b"email,points\nnora@example.com,120\n"
        self.answered(self.stack.call("PUT", f"{path}/parts/1", rows, "", {"Content-Type": "text/csv"}), 200)
        self.post(f"{path}/start", {}, 202)
        self.stack.until("the import is done", lambda: self.get(path)["state"] == "done")
        found = self.get("/v1/members?query=nora@example.com")["items"]
        self.assertEqual([each["points"]["available"] for each in found], [120])
        exported = self.stack.call("GET", "/v1/export?kind=members").body
        self.assertIn("nora@example.com", str(exported))
        self.answered(self.stack.call("DELETE", f"/v1/members/{found[0]['inner_id']}"), 204)
        self.assertEqual(self.get("/v1/members?query=nora@example.com")["items"], [])
        self.stack.run_job("retention")

    def test_a_draft_is_published(self) -> None:
        """A change of the program goes through a draft, and stands in the versions and in the audit."""
        changed = self.get("/v1/program")
        changed["name"] = "Club Ada and friends"
        for each in ["version", "published_at", "published_by"]:
            changed.pop(each, None)
        draft = self.post("/v1/program/drafts", {"program": changed, "note": "a new name"}, 201)
        self.post(f"/v1/program/drafts/{draft['id']}/publish", {}, 200)
        self.stack.until("the program is changed", lambda: self.get("/v1/program")["name"] == changed["name"])
        # Pages of one item, so that their cursors are sealed too.
        for path in ["/v1/program/drafts", "/v1/program/versions", "/v1/audit", "/v1/notices", "/v1/members"]:
            page = self.get(f"{path}?limit=1")
            if page.get("next"):
                self.get(f"{path}?limit=1&cursor={page['next']}")
        basket = {"receipt": {"total": "10.00", "currency": "EUR", "member": {"id": "pia"}}}
        self.post("/v1/rules/examine", {"fact": basket, "member": {"email": "pia@example.com"}}, 200)
        today = datetime.now(ROME).date()
        self.get(f"/v1/overview?from={today}&to={today + timedelta(days=1)}")

    def test_an_event_reaches_klaviyo_and_a_webhook(self) -> None:
        """A receipt gives points and a tier, and both targets hear of them: Klaviyo with the new properties, the endpoint signed."""
        with Receiver() as receiver:
            endpoint = self.post("/v1/webhook-endpoints", {"url": f"{receiver.url}/hook"}, 201)
            settings = {"base_url": receiver.url}
            connect = {"enabled": True, "settings": settings, "credentials": {"api_key": "pk_1"}}
            self.answered(self.stack.call("PUT", "/v1/integrations/klaviyo", connect), 200)
            members: list[str] = []

            def reached() -> str | None:
                # Functions learn of new targets within seconds: only a later member's events are all told.
                members.append(f"vera-{len(members)}")
                self.post("/v1/receipts", receipt(members[-1], {"id": members[-1]}, "620.00"), 202)
                self.stack.evaluated(members[-1])
                for member in members:
                    webhooks, metrics = receiver.webhooks(member, endpoint["secret"]), receiver.metrics(member)
                    if {"tessera.entry.earn", "tessera.tier.changed"} <= webhooks.keys() and "Tier Achieved" in metrics:
                        return member
                return None

            member = self.stack.until("both targets hear of a member", reached)
            earned = receiver.webhooks(member, endpoint["secret"])["tessera.entry.earn"]["data"]
            self.assertEqual((earned["points"]["redeemable"], earned["balance"]), (620, 620))
            profile = receiver.metrics(member)["Tier Achieved"]["profile"]["data"]["attributes"]["properties"]
            self.assertEqual((profile["Loyalty Points Balance"], profile["Loyalty Tier Name"]), (620, "Silver"))
            self.answered(self.stack.call("DELETE", f"/v1/webhook-endpoints/{endpoint['id']}"), 204)
            disconnect = {"enabled": False, "settings": settings}
            self.answered(self.stack.call("PUT", "/v1/integrations/klaviyo", disconnect), 200)

    def test_events_go_out(self) -> None:
        """An endpoint that cannot be reached gets its delivery later; nothing is lost, and nobody waits for it."""
        made = self.post("/v1/webhook-endpoints", {"url": "https://shop.invalid/hooks"}, 201)
        path = f"/v1/webhook-endpoints/{made['id']}"

        def failed() -> Any:
            # Functions learn of a new endpoint within seconds.
            name = f"out-{time.monotonic_ns()}"
            self.post("/v1/receipts", receipt(name, {"id": "olga"}, "5.00"), 202)
            self.stack.evaluated(name)
            return self.get(f"{path}/deliveries")["items"]

        self.stack.until("a delivery has failed", failed)
        self.stack.run_job("redeliveries")
        self.answered(self.stack.call("DELETE", path), 204)

    @classmethod
    def tearDownClass(cls) -> None:
        """After all journeys, every balance is verified."""
        assert "every balance is proven" in cls.stack.tessera("verify", "--stack", "tessera")
