"""Makes the journeys on one of the two stacks, or counts what receipts use on the deployed one."""

import sys
import unittest

import counts
import journeys
from deployment import Deployment
from local import Local


def main() -> None:
    """Reads the command line: `--local` and `--counts`, the rest is for unittest."""
    words = sys.argv[1:]
    local, counting = (flag in words for flag in ("--local", "--counts"))
    rest = [word for word in words if word not in ("--local", "--counts")]
    with Local() if local else Deployment() as stack:
        if counting:
            counts.show(stack)
            return
        journeys.Journeys.stack = stack
        unittest.main(journeys, argv=["run", *rest], verbosity=2)


main()
