"""`tessera doctor` on a deployed stack."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import unittest
from typing import Any

from deployment import LEFT_OUT, STACK, Deployment
from stack import TESSERA

# The emulator has no place for these alarms.
EXPECTED = f"the stack is half deployed, {len(LEFT_OUT)} missing: {', '.join(LEFT_OUT)}"


def operate(stack: Deployment, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a subcommand on the stack, with other variables; it may fail."""
    environment = os.environ | stack.operator() | variables
    command = [TESSERA, *words, "--stack", STACK]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def faults(stack: Deployment) -> list[str]:
    """The faults, without what the emulator cannot do."""
    done = operate(stack, "doctor", "--json")
    found = json.loads(done.stdout)["findings"]
    details = [each["detail"] for each in found if each["status"] == "fault"]
    assert (done.returncode == 6) == bool(details), done
    return [detail for detail in details if detail != EXPECTED]


class Doctor(unittest.TestCase):
    """The operator asks whether the stack is well."""

    stack: Deployment

    def test_a_whole_stack_has_no_faults(self) -> None:
        """Everything that the template promises is there."""
        self.assertEqual(faults(self.stack), [])

    def test_another_region_and_unknown_credentials(self) -> None:
        """What stops every command is said, with what to do."""
        for said, ended in [
            (f"there is no stack {STACK} in eu-west-1", operate(self.stack, "doctor", AWS_REGION="eu-west-1")),
            ("AWS does not know these credentials", operate(self.stack, "doctor", AWS_ACCESS_KEY_ID="AKIANOBODYKNOWSTHIS0")),
        ]:
            self.assertEqual(ended.returncode, 4, ended)
            self.assertIn(said, " ".join((ended.stdout + ended.stderr).split()))

    def test_a_half_deployed_stack(self) -> None:
        """A queue is missing; the doctor names it."""
        queue = self.stack.queue("backtests-dead")
        attributes = self.stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["MessageRetentionPeriod"])["Attributes"]
        self.stack.sqs.delete_queue(QueueUrl=queue)
        try:
            self.assertEqual(faults(self.stack), ["the stack is half deployed, 1 missing: tessera-backtests-dead"])
        finally:
            self.stack.sqs.create_queue(QueueName=f"{STACK}-backtests-dead", Attributes=attributes)

    def test_a_terminal_of_40_columns(self) -> None:
        """Lines end at words, within the terminal."""
        primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | self.stack.operator()
        command = [TESSERA, "doctor", "--stack", STACK]
        with subprocess.Popen(command, env=environment | {"NO_COLOR": "1"}, stdout=secondary) as running:
            os.close(secondary)
            text = read_all(primary).decode()
            running.wait()
        lines = text.splitlines()
        self.assertGreater(len(lines), 18, text)
        for line in lines:
            self.assertTrue(len(line) <= 40 or len(line.split()) == 1, line)

    def test_a_closed_pipe(self) -> None:
        """A reader that has seen enough is no failure."""
        environment = os.environ | self.stack.operator()
        running: Any = subprocess.Popen(
            [TESSERA, "doctor", "--stack", STACK], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        running.stdout.close()
        self.assertEqual((running.stderr.read(), running.wait()), (b"", 0))
        running.stderr.close()


def read_all(terminal: int) -> bytes:
    """What a process wrote to a terminal until it ended."""
    found = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            # The terminal's other side is closed.
            return found
        if not part:
            return found
        found += part
