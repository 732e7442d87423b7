"""Tables are lost and restored as docs/runbook.md says, with its own commands."""

import unittest
from datetime import datetime, timezone
from typing import Any

import doctor
from deployment import Deployment
from journeys import PROGRAM, receipt
from runbook import commands, follow

BEFORE = ["nadia", "oscar"]
LATER = "2026-03-01T08:00:00Z"


class Restore(unittest.TestCase):
    """The operator restores tables."""

    stack: Deployment

    @classmethod
    def setUpClass(cls) -> None:
        """Creates a program."""
        answer = cls.stack.call("PUT", "/v1/program", PROGRAM)
        assert answer.status == 200, answer
        # Dead letters come in seconds instead of minutes.
        cls.stack.sqs.set_queue_attributes(
            QueueUrl=cls.stack.queue("facts.fifo"), Attributes={"VisibilityTimeout": "1"}
        )
        (cls.back_up, _key) = commands("Back up")
        cls.gone, cls.copy, cls.swap, cls.settings, cls.reconnect, cls.since, _proof = commands("Restore a table")

    def buy(self, name: str, member: str, total: str) -> None:
        """A receipt that is decided."""
        answer = self.stack.call("POST", "/v1/receipts", receipt(name, {"id": member}, total))
        self.assertEqual(answer.status, 202, answer)
        self.stack.evaluated(name)

    def points(self, member: str) -> Any:
        """A member's available points; None while the API cannot say."""
        found = self.stack.call("GET", f"/v1/members/{member}")
        return found.body["points"]["available"] if found.status == 200 else None

    def proven(self) -> None:
        """The stack is whole again."""
        self.assertIn("every balance is proven", self.stack.tessera("verify", "--stack", "tessera"))
        self.assertEqual(doctor.faults(self.stack), [])

    def test_a_deleted_table_is_restored_from_its_backup(self) -> None:
        """Facts that were decided after the backup, and those of the outage, are decided again: none is missing, none counts
        twice."""
        for member in BEFORE:
            self.assertEqual(self.stack.call("POST", "/v1/members", {"id": member}).status, 201)
            self.buy(f"{member}-before", member, "150.00")
        bought = self.stack.call("POST", "/v1/members/nadia/redemptions", {"reward": "five-off"})
        self.assertEqual(bought.status, 201, bought)
        follow(self.stack, self.back_up)
        since = datetime.now(timezone.utc).isoformat()
        for member in [*BEFORE, "petra"]:
            self.buy(f"{member}-after", member, "30.00")
        expected = {"nadia": 80, "oscar": 180, "petra": 30}
        self.assertEqual({member: self.points(member) for member in expected}, expected)

        self.stack.client("dynamodb").delete_table(TableName="tessera-members")
        self.assertEqual(self.stack.call("GET", "/v1/members/nadia").status, 503)
        # Accepted or refused: nothing is lost either way, and a client sends it again.
        outage = receipt("outage", {"id": "oscar"}, "7.00")
        self.assertEqual(self.stack.call("POST", "/v1/receipts", outage).status, 503)
        self.assertIn("half deployed, 1 missing: tessera-members", doctor.faults(self.stack)[0])

        follow(self.stack, self.gone + self.settings)
        # Without its stream, nothing that is written to the table goes on.
        self.assertIn("does not read the stream of tessera-members", doctor.faults(self.stack)[0])
        said = follow(self.stack, self.reconnect)
        self.assertIn("tessera-kpi reads the stream of tessera-members", said)
        self.assertIn("tessera-event-relay reads the stream of tessera-members", said)
        self.stack.until("the table is back", lambda: self.points("nadia") == 50)
        self.assertEqual(self.stack.call("POST", "/v1/receipts", outage).status, 202)
        self.stack.evaluated("outage")
        wrong = doctor.operate(self.stack, "verify")
        self.assertEqual(wrong.returncode, 6, wrong)
        self.assertIn("nadia-after has no decision", wrong.stdout)
        said = follow(self.stack, self.since, {LATER: since})
        self.assertIn("of which 3 had no decision", said)
        expected["oscar"] += 7
        # Who came after the backup is unknown; their receipts are there.
        self.assertEqual(self.stack.call("GET", "/v1/members/petra").status, 404)
        self.assertEqual(self.stack.call("POST", "/v1/members", {"id": "petra"}).status, 201)
        move = {"member": {"id": "petra"}, "reason": "restored from a backup"}
        moved = self.stack.call("POST", "/v1/receipts/petra-after/move", move)
        self.assertEqual(moved.status, 200, moved)
        for member, points in expected.items():
            self.stack.until(f"{member} has all points", lambda m=member, p=points: self.points(m) == p)  # type: ignore[misc]
        self.proven()
        # What is new goes on.
        self.buy("nadia-new", "nadia", "5.00")
        self.assertEqual(self.points("nadia"), 85)

    def test_lost_items_come_back_from_a_point_in_time(self) -> None:
        """The emulator copies a table as it is, at whatever time is asked for: the copy is made before the loss."""
        self.buy("quinn-1", "quinn", "40.00")
        dynamodb = self.stack.client("dynamodb")
        example = {"table=tessera-members": "table=tessera-facts", LATER: datetime.now(timezone.utc).isoformat()}
        follow(self.stack, self.copy, example)
        found = dynamodb.scan(TableName="tessera-facts")["Items"]
        for item in found:
            dynamodb.delete_item(TableName="tessera-facts", Key={"pk": item["pk"], "sk": item["sk"]})
        self.assertEqual(self.stack.call("GET", "/v1/receipts/quinn-1").status, 404)

        table = "table=tessera-facts\n"
        follow(self.stack, table + self.swap + self.settings)
        self.assertIn("tessera-event-relay reads the stream of tessera-facts", follow(self.stack, self.reconnect))
        self.assertEqual(self.stack.call("GET", "/v1/receipts/quinn-1").body["status"], "evaluated")
        self.assertEqual(dynamodb.scan(TableName="tessera-facts", Select="COUNT")["Count"], len(found))
        self.assertNotIn("tessera-facts-restored", dynamodb.list_tables()["TableNames"])
        self.buy("quinn-2", "quinn", "2.00")
        self.assertEqual(self.points("quinn"), 42)
        self.proven()
