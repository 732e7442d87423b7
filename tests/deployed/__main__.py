"""Runs the journeys on one of the two stacks, or what an operator does to the deployed one, or measures the consumption of
receipts on it."""

import sys
import unittest
from types import ModuleType

import counts
import journeys
import permissions
from deployment import Deployment
from local import Local
from stack import Stack

FLAGS = ("--local", "--counts", "--operations", "--built")


def walk(stack: Stack, module: ModuleType, words: list[str]) -> None:
    """Runs the tests of a module on a stack."""
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, unittest.TestCase):
            found.stack = stack  # type: ignore[attr-defined]
    if not unittest.main(module, argv=["run", *words], verbosity=2, exit=False).result.wasSuccessful():
        raise SystemExit(1)


def main() -> None:
    """Parses the flags and passes the rest to unittest."""
    words = sys.argv[1:]
    local, counting, operating, built = (flag in words for flag in FLAGS)
    rest = [word for word in words if word not in FLAGS]
    with Local() if local else Deployment(built) as stack:
        if counting:
            counts.show(stack)
        elif operating:
            # Needs tools that the local environment does not have.
            import operations

            walk(stack, operations, rest)
        else:
            walk(stack, journeys, rest)
            # All journeys together use every permission of the functions.
            if isinstance(stack, Deployment) and not rest:
                idle = permissions.never_used(stack)
                assert not idle, "\n".join(idle)


main()
