"""The emulator of AWS, on a free port of 127.0.0.1."""

import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from recorder import Recorder
from stack import TARGET

WORK = TARGET / "deployed"
REGION = "eu-south-1"
PATIENCE = 60.0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Emulator:
    """A running emulator. It enforces the policies of every role; `test` is the key of the account's root."""

    def __init__(self) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Only the functions' calls pass through it.
        self.recorder = Recorder(self.port)
        self.log = WORK / "emulator.log"
        state = WORK / "state"
        settings = {
            "AUTH": "true",
            "AWS_ENDPOINT_URL": self.recorder.url,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "LAMBDA_EXECUTOR": "local",
            "MINISTACK_REGION": REGION,
            "S3_DATA_DIR": str(state / "s3"),
            "STATE_DIR": str(state),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [WORK / "emulator" / "bin" / "python", Path(__file__).with_name("emulated.py")],
                cwd=WORK,
                env=os.environ | self.variables() | settings,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait()

    def variables(self) -> dict[str, str]:
        """The environment variables for AWS tools."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _wait(self) -> None:
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health"):
                    return
            except OSError:
                time.sleep(0.2)
        self.stop()
        raise SystemExit(f"the emulator does not start: {log_end(self.log)}")

    def stop(self) -> None:
        """Stops the emulator with everything deployed on it."""
        self.recorder.stop()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def log_end(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-40:])
