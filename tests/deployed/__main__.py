"""Runs the journeys on one of the two stacks, or measures the consumption of receipts on the deployed one."""

import sys
import unittest

import counts
import journeys
import permissions
from deployment import Deployment
from local import Local


def main() -> None:
    """Parses `--local` and `--counts`, and passes the rest to unittest."""
    words = sys.argv[1:]
    local, counting = (flag in words for flag in ("--local", "--counts"))
    rest = [word for word in words if word not in ("--local", "--counts")]
    with Local() if local else Deployment() as stack:
        if counting:
            counts.show(stack)
            return
        journeys.Journeys.stack = stack
        made = unittest.main(journeys, argv=["run", *rest], verbosity=2, exit=False).result
        if not made.wasSuccessful():
            raise SystemExit(1)
        # All journeys together use every permission of the functions.
        if isinstance(stack, Deployment) and not rest:
            idle = permissions.never_used(stack)
            assert not idle, "\n".join(idle)


main()
