"""Starts the emulator, in its own environment, with one difference: an update of a function lets the invocations that run end,
as AWS does. The emulator itself would kill them."""

import sys
import threading
import time
from typing import Any

from ministack.app import main
from ministack.core import lambda_runtime

kill_now = lambda_runtime.kill_workers


def kill_when_idle(workers: list[Any]) -> None:
    """Kills workers, those that are busy after their invocation."""
    found = [worker for worker in workers if worker is not None]
    busy = [worker for worker in found if worker.in_use]
    kill_now([worker for worker in found if not worker.in_use])
    for worker in busy:
        threading.Thread(target=_kill_later, args=(worker,), daemon=True).start()


def _kill_later(worker: Any) -> None:
    while worker.in_use:
        time.sleep(0.05)
    kill_now([worker])


lambda_runtime.kill_workers = kill_when_idle
sys.exit(main())
