"""docs/runbook.md is followed alarm by alarm: each is raised on purpose, and ended with the runbook's commands."""

import functools
import json
import time
import unittest
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import doctor
import shopify
from deployment import LEFT_OUT, STACK, Deployment
from journeys import PROGRAM, now, receipt, rule
from metrics import Metrics
from runbook import commands, follow, section
from stack import ROOT

HOUR = 3600.0
# The queues whose messages become dead letters: the function that reads each, and its alarms.
QUEUES = {
    "facts.fifo": ("rule-evaluation", "FactsDeadAlarm", "FactsAgeAlarm"),
    "referrals.fifo": ("referral-conversion", "ReferralsDeadAlarm", "ReferralsAgeAlarm"),
    "notifications.fifo": ("notifications", "NotificationsDeadAlarm", "NotificationsAgeAlarm"),
    "inbound.fifo": ("inbound", "InboundDeadAlarm", "InboundAgeAlarm"),
    "codes.fifo": ("shop-codes", "CodesDeadAlarm", "CodesAgeAlarm"),
    "backtests": ("backtest-run", "BacktestsDeadAlarm", None),
    "imports": ("member-import", "ImportsDeadAlarm", None),
}
SECRET = "a-secret-of-the-tests-0123456789"
# An alarm of a job allows some errors; its period may end between them.
FAILURES = {
    "RelayErrorsAlarm": ("event-relay", 1),
    "EvaluationErrorsAlarm": ("rule-evaluation", 1),
    "AuthorizerErrorsAlarm": ("authorizer", 1),
    "BirthdaysErrorsAlarm": ("birthdays", 8),
    "InactivityErrorsAlarm": ("inactivity", 8),
    "RedeliveriesErrorsAlarm": ("redeliveries", 8),
    "InboundPollErrorsAlarm": ("inbound-poll", 4),
    "RetentionErrorsAlarm": ("retention", 6),
}


class Alarms(unittest.TestCase):
    """The operator is woken."""

    stack: Deployment
    raised: set[str] = set()

    @classmethod
    def setUpClass(cls) -> None:
        """Creates a program, and listens to the topic of the alarms."""
        answer = cls.stack.call("PUT", "/v1/program", PROGRAM)
        assert answer.status == 200, answer
        cls.metrics = Metrics(cls.stack)
        cls.functions = cls.stack.client("lambda")
        cls.inbox = cls.stack.sqs.create_queue(QueueName="inbox-of-the-operator")["QueueUrl"]
        sns = cls.stack.client("sns")
        topics = [each["TopicArn"] for each in sns.list_topics()["Topics"]]
        topic = next(each for each in topics if each.endswith(f":{STACK}-alarms"))
        found = cls.stack.sqs.get_queue_attributes(QueueUrl=cls.inbox, AttributeNames=["QueueArn"])
        inbox = found["Attributes"]["QueueArn"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": inbox,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        cls.stack.sqs.set_queue_attributes(QueueUrl=cls.inbox, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox)

    @classmethod
    def tearDownClass(cls) -> None:
        """Every alarm of the template was raised, when all tests ran; every balance is proven."""
        cls.metrics.calm()
        if len(cls.raised) > len(QUEUES) * 2:
            assert cls.raised == set(cls.metrics.alarms), set(cls.metrics.alarms) - cls.raised
        assert "every balance is proven" in cls.stack.tessera("verify", "--stack", "tessera")

    # What every test does

    def ring(self, *names: str) -> None:
        """Checks that alarms are raised, that the operator is told, and that the runbook and the doctor name them."""
        for name in names:
            self.assertTrue(self.metrics.is_raised(name), f"{name} is not raised")
            text = section(name)
            for word in ["**Means**", "**Look**", "**Do**"]:
                self.assertIn(word, text.replace("**Look** and **do**", "**Look** **Do**"), name)
            self.raised.add(name)
        # The emulator's own evaluation ignores dimensions: what it said before does not count.
        self.metrics.calm()
        self.heard: set[str] = set()
        self.told(set(self.metrics.alarms))
        self.heard = set()
        for name in names:
            self.metrics.set_state(name, "ALARM")
        deployed = {name for name in names if name not in LEFT_OUT}
        found = [fault for fault in doctor.faults(self.stack) if fault.endswith("is in the state ALARM")]
        self.assertEqual(set(found), {f"{name} is in the state ALARM" for name in deployed})
        self.stack.until("the operator is told", lambda: self.told(deployed))

    def told(self, names: set[str]) -> bool:
        """Whether the topic has said each alarm."""
        while found := self.stack.sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self.heard |= {name for name in self.metrics.alarms if f"-{name}" in message["Body"]}
                self.stack.sqs.delete_message(QueueUrl=self.inbox, ReceiptHandle=message["ReceiptHandle"])
        return names <= self.heard

    def end(self, since: float, *names: str) -> None:
        """Checks that nothing measured since a time keeps alarms up."""
        for name in names:
            self.assertFalse(self.metrics.is_raised(name, since), f"{name} has not ended")
            self.metrics.set_state(name, "OK")

    def post(self, path: str, body: Any, status: int) -> Any:
        """Sends a request and checks its status."""
        answer = self.stack.call("POST", path, body)
        self.assertEqual(answer.status, status, answer.body)
        return answer.body

    def break_function(self, name: str) -> Callable[[], None]:
        """Takes a variable away, as a half-done deployment may. Returns the repair."""
        name = f"{STACK}-{name}"
        found = self.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        repair = functools.partial(self.configure, name, found)
        self.addCleanup(repair)
        self.configure(name, {key: value for key, value in found.items() if key != "MEMBERS_TABLE"})
        return repair

    def configure(self, name: str, variables: dict[str, str]) -> None:
        """Sets a function's variables."""
        self.functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        self.functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    def mappings(self, function: str, source: str) -> list[str]:
        """The mappings by which a function reads a queue or a table's stream."""
        found = self.functions.list_event_source_mappings(FunctionName=f"{STACK}-{function}")["EventSourceMappings"]
        return [
            each["UUID"]
            for each in found
            if each["EventSourceArn"].endswith(f":{STACK}-{source}")
            or f":table/{STACK}-{source}/" in each["EventSourceArn"]
        ]

    def read(self, function: str, source: str, enabled: bool, **settings: Any) -> None:
        """Lets a function read its source, or not."""
        for mapping in self.mappings(function, source):
            self.functions.update_event_source_mapping(UUID=mapping, Enabled=enabled, **settings)

    # Queues

    def test_messages_wait_and_become_dead_letters(self) -> None:
        """Nobody reads the queues; then the functions that read them cannot start."""
        for queue, (function, _, _) in QUEUES.items():
            self.stack.sqs.set_queue_attributes(QueueUrl=self.stack.queue(queue), Attributes={"VisibilityTimeout": "1"})
            self.addCleanup(self.read, function, queue, enabled=True)
            self.read(function, queue, enabled=False)
        done = self.fill_queues()
        for queue in QUEUES:
            self.stack.until(f"{queue} holds messages", functools.partial(self.stack.waiting, queue))
        ages = {name: queue for queue, (_, _, name) in QUEUES.items() if name}
        for name, queue in ages.items():
            # Two hours later.
            self.metrics.publish(name, time.time() + 2 * HOUR - self.oldest(queue))
        self.ring(*ages)

        repairs = [self.break_function(function) for function, _, _ in QUEUES.values()]
        since = time.time()
        dead = {name: queue.replace(".fifo", "") for queue, (_, name, _) in QUEUES.items()}
        for queue, (function, _, _) in QUEUES.items():
            self.read(function, queue, enabled=True)
        for queue in QUEUES:
            self.stack.until(f"{queue} is given up", functools.partial(self.is_given_up, queue))
        for name in ages:
            # The queue is empty: nothing in it has an age.
            self.metrics.publish(name, 0, since)
        self.end(since, *ages)
        for name, queue in dead.items():
            self.metrics.publish(name, self.stack.waiting(dead_of(queue)))
        self.ring(*dead)

        for repair in repairs:
            repair()
        for name in dead:
            (script,) = commands(name)
            follow(self.stack, script)
        since = time.time()
        for queue in QUEUES:
            self.stack.until(f"{queue} is drained", functools.partial(self.is_drained, queue))
        for name, queue in dead.items():
            self.metrics.publish(name, self.stack.waiting(dead_of(queue)), since)
        self.end(since, *dead)
        done()

    def is_given_up(self, queue: str) -> bool:
        """All messages of a queue are dead letters."""
        dead = dead_of(queue.replace(".fifo", ""))
        return self.in_flight(queue) == 0 and self.stack.waiting(queue) == 0 and self.stack.waiting(dead) > 0

    def is_drained(self, queue: str) -> bool:
        """Nothing waits, nothing is handled, and nothing is dead."""
        dead = dead_of(queue.replace(".fifo", ""))
        return self.in_flight(queue) + self.stack.waiting(queue) + self.stack.waiting(dead) == 0

    def in_flight(self, queue: str) -> int:
        """The number of messages that are being handled."""
        name = "ApproximateNumberOfMessagesNotVisible"
        found = self.stack.sqs.get_queue_attributes(QueueUrl=self.stack.queue(queue), AttributeNames=[name])
        return int(found["Attributes"][name])

    def oldest(self, queue: str) -> float:
        """When the oldest message was sent."""
        found = self.stack.sqs.receive_message(
            QueueUrl=self.stack.queue(queue), VisibilityTimeout=0, MessageSystemAttributeNames=["SentTimestamp"]
        )
        return float(found["Messages"][0]["Attributes"]["SentTimestamp"]) / 1000

    def fill_queues(self) -> Callable[[], None]:
        """Sends something through every queue. Returns the check that all of it was handled."""
        for member in ["rosa", "sara"]:
            self.post("/v1/members", {"id": member}, 201)
        # Codes of shops: a reward without any is nothing to do.
        message = {"version": 1, "program": self.stack.program, "type": "reward"}
        message |= {"connection": "shopify", "reward": "five-off"}
        self.stack.sqs.send_message(
            QueueUrl=self.stack.queue("codes.fifo"),
            MessageBody=json.dumps(message),
            MessageGroupId="five-off",
            MessageDeduplicationId=f"five-off-{time.monotonic_ns()}",
        )
        # A notification.
        endpoint = self.post("/v1/webhook-endpoints", {"url": "https://shop.invalid/hooks"}, 201)["id"]

        def notified() -> bool:
            self.post("/v1/members/rosa/adjustments", {"award": 1, "reason": "a notification"}, 201)
            return self.stack.waiting("notifications.fifo") > 0

        self.stack.until("functions know the endpoint", notified)
        # A friend.
        code = self.post("/v1/members/sara/referral-shares", {"channel": "whatsapp"}, 201)["code"]
        friend = {"id": "tina", "email": "tina@example.com", "verified": ["email"], "referral_code": code}
        self.post("/v1/members", friend, 201)
        # An order that changed.
        credentials = {"shop": shopify.SHOP, "client_id": "id", "client_secret": SECRET}
        connect = {"enabled": True, "settings": {}, "credentials": credentials}
        answer = self.stack.call("PUT", "/v1/integrations/shopify", connect)
        self.assertEqual(answer.status, 200, answer)
        self.stack.until("the delivery is taken", self.deliver_order)
        # A backtest, an import, and a receipt.
        draft = rule("more", {"receipt": {}}, {"points": 25})
        backtest = self.post("/v1/rules/backtest", {"rules": [draft]}, 202)["id"]
        made = self.post("/v1/imports", {"kind": "members", "source": "smile", "mode": "add", "key": "alarms"}, 201)
        rows = b"email,points\nursula@example.com,120\n"
        path = f"/v1/imports/{made['id']}"
        answer = self.stack.call("PUT", f"{path}/parts/1", rows, "", {"Content-Type": "text/csv"})
        self.assertEqual(answer.status, 200, answer)
        self.post(f"{path}/start", {}, 202)
        self.post("/v1/receipts", receipt("alarm-1", {"id": "rosa"}, "30.00"), 202)

        def check() -> None:
            self.stack.evaluated("alarm-1")
            self.stack.evaluated("shopify:78")
            for what in [f"/v1/rules/backtest/{backtest}", path]:
                body = self.stack.call("GET", what).body
                self.assertEqual(body.get("status", body.get("state")), "done", body)
            referrals = self.stack.call("GET", "/v1/members/sara/referrals").body["items"]
            self.assertEqual(len(referrals), 1)
            self.stack.call("DELETE", f"/v1/webhook-endpoints/{endpoint}")

        return check

    def deliver_order(self) -> bool:
        """Delivers an order that changed; False while the connection is not known."""
        body, headers = shopify.signed("orders/updated", shopify.order(78, 4712, "30.00", now(5), []), SECRET)
        path = f"/v1/webhooks/shopify/{self.stack.program}"
        return self.stack.call("POST", path, body, None, headers).status == 200

    # Functions

    def test_functions_fail(self) -> None:
        """A function that cannot start raises its alarm; put right, the next invocation counts no error."""
        for name, (function, times) in FAILURES.items():
            with self.subTest(name):
                repair = self.break_function(function)
                for _ in range(times):
                    self.assertTrue(self.invoke(function), function)
                alarms = [name]
                if function == "authorizer":
                    # Every request fails: the gateway has counted it.
                    keys = [f"tsk_{each}" for each in range(3)]
                    statuses = [self.stack.call("GET", "/v1/program", credentials=key).status for key in keys]
                    failed = sum(status >= 500 for status in statuses)
                    self.assertEqual(failed, len(statuses), statuses)
                    self.metrics.publish("ApiErrorsAlarm", failed)
                    alarms.append("ApiErrorsAlarm")
                self.ring(*alarms)
                repair()
                since = time.time()
                self.assertFalse(self.invoke(function), function)
                if function == "authorizer":
                    self.assertEqual(self.stack.call("GET", "/v1/program").status, 200)
                    self.metrics.publish("ApiErrorsAlarm", 0, since)
                self.end(since, *alarms)

    def invoke(self, function: str) -> bool:
        """Invokes a function with its own kind of event. Returns whether it failed."""
        event = '{"Records": []}'
        for sample in ["credentials", "schedule"]:
            path = ROOT / "events" / function / f"{sample}.json"
            event = path.read_text() if path.exists() else event
        answer = self.functions.invoke(FunctionName=f"{STACK}-{function}", Payload=event)
        return "FunctionError" in answer

    # Streams

    def test_streams_wait(self) -> None:
        """Nobody reads the streams."""
        alarms = {"RelayAgeAlarm": ("event-relay", "facts"), "KpiAgeAlarm": ("kpi", "members")}
        for function, table in alarms.values():
            self.addCleanup(self.read, function, table, enabled=True)
            self.read(function, table, enabled=False)
        written = time.time()
        self.post("/v1/receipts", receipt("stream-1", {"id": "vera"}, "30.00"), 202)
        for name in alarms:
            # Two hours later, in milliseconds.
            self.metrics.publish(name, (time.time() + 2 * HOUR - written) * 1000)
        self.ring(*alarms)
        for function, table in alarms.values():
            self.read(function, table, enabled=True)
        since = time.time()
        self.stack.evaluated("stream-1")
        for name in alarms:
            self.metrics.publish(name, 0, since)
        self.end(since, *alarms)

    def test_streams_are_given_up(self) -> None:
        """Functions that cannot start leave records behind; reports of them wait for the operator."""
        alarms = {
            "RelayFailuresAlarm": ("event-relay", "facts", "relay-failures"),
            "KpiFailuresAlarm": ("kpi", "members", "kpi-failures"),
        }
        repairs = []
        begun = datetime.now(timezone.utc)
        self.post("/v1/members", {"id": "wilma"}, 201)
        for function, table, _ in alarms.values():
            repairs.append(self.break_function(function))
            # Six hours in the template, and a minute is AWS's least.
            self.addCleanup(self.read, function, table, True, MaximumRecordAgeInSeconds=21600)
            self.read(function, table, True, MaximumRecordAgeInSeconds=5)
        self.post("/v1/receipts", receipt("given-up", {"id": "wilma"}, "30.00"), 202)
        self.post("/v1/members/wilma/adjustments", {"award": 5, "reason": "a figure"}, 201)
        for name, (_, _, queue) in alarms.items():
            self.stack.until(f"{queue} holds a report", functools.partial(self.stack.waiting, queue))
            self.metrics.publish(name, self.stack.waiting(queue))
        self.ring(*alarms)
        for repair, (function, table, _) in zip(repairs, alarms.values(), strict=True):
            repair()
            self.read(function, table, True, MaximumRecordAgeInSeconds=21600)
        self.assertNotEqual(self.stack.call("GET", "/v1/receipts/given-up").body["status"], "evaluated")
        since = time.time()
        redrive, forget = commands("RelayFailuresAlarm")
        times = {
            "2026-03-01T08:00:00Z": (begun - timedelta(hours=1)).isoformat(),
            "2026-03-01T11:00:00Z": (begun + timedelta(hours=1)).isoformat(),
        }
        self.assertIn("of which 1 had no decision", follow(self.stack, redrive, times))
        follow(self.stack, forget)
        for script in commands("KpiFailuresAlarm"):
            follow(self.stack, script)
        self.stack.evaluated("given-up")
        for name, (_, _, queue) in alarms.items():
            self.assertEqual(self.stack.waiting(queue), 0)
            self.metrics.publish(name, 0, since)
        self.end(since, *alarms)

    # Throttles

    def test_throttles(self) -> None:
        """Lambda refuses invocations, and DynamoDB refuses requests."""
        name = f"{STACK}-receipt-ingestion"
        self.functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        self.addCleanup(self.functions.delete_function_concurrency, FunctionName=name)
        refused = receipt("refused", {"id": "xenia"}, "30.00")
        self.assertGreaterEqual(self.stack.call("POST", "/v1/receipts", refused).status, 429)
        # The account's metric has no dimension: all functions together.
        (metric, _), *_ = self.metrics.parts("ThrottlesAlarm")
        measured = self.metrics.total(metric)
        self.assertGreater(measured, 0)
        self.metrics.publish("ThrottlesAlarm", measured)
        self.ring("ThrottlesAlarm")
        self.functions.delete_function_concurrency(FunctionName=name)
        since = time.time()
        self.post("/v1/receipts", refused, 202)
        self.metrics.publish("ThrottlesAlarm", 0, since)
        self.end(since, "ThrottlesAlarm")

        recorder = self.stack.emulator.recorder
        recorder.throttled = f"{STACK}-facts"
        busy = receipt("busy", {"id": "xenia"}, "30.00")
        self.assertEqual(self.stack.call("POST", "/v1/receipts", busy).status, 503)
        recorder.throttled = None
        self.assertGreater(recorder.refused, 0)
        self.metrics.publish("TablesThrottledAlarm", recorder.refused)
        self.ring("TablesThrottledAlarm")
        since = time.time()
        self.post("/v1/receipts", busy, 202)
        self.metrics.publish("TablesThrottledAlarm", 0, since)
        self.end(since, "TablesThrottledAlarm")
        for each in ["refused", "busy"]:
            self.stack.evaluated(each)


def dead_of(queue: str) -> str:
    """The dead-letter queue of a queue, both without `.fifo`."""
    return f"{queue}-dead" if queue in ("backtests", "imports") else f"{queue}-dead.fifo"
