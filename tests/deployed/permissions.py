"""Compares granted and used permissions where the local stack cannot: its functions share one program cache and are given
the secrets key. tests/it/least_privilege.rs covers the rest."""

import json
from typing import Any

from deployment import STACK, Deployment

# A permission: function, action, resource.
Permission = tuple[str, str, str]

# Visitors are deleted after months without activity: tests/it/members moves the clock.
NEEDS_MONTHS = {(f"{STACK}-retention", "ssm:GetParameter")}


def told_here(action: str, resource: str) -> bool:
    """True when only the deployed stack uses a permission."""
    reads = ("dynamodb:GetItem", "dynamodb:Query")
    return action == "ssm:GetParameter" or (action in reads and resource == f"{STACK}-programs")


def listed(value: Any) -> list[Any]:
    """A list of one or more values."""
    return value if isinstance(value, list) else [value]


def granted(stack: Deployment) -> set[Permission]:
    """The permissions in the functions' roles."""
    iam, found = stack.client("iam"), set()
    for function in stack.functions():
        role = function["Role"].rpartition("/")[2]
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            document = document if isinstance(document, dict) else json.loads(document)
            for statement in document["Statement"]:
                for arn in listed(statement["Resource"]):
                    resource = arn.split(":")[-1].removeprefix("parameter").removeprefix("table/")
                    found |= {(function["FunctionName"], action, resource) for action in listed(statement["Action"])}
    return found


def never_used(stack: Deployment) -> list[str]:
    """The granted permissions that were not used."""
    idle = {each for each in granted(stack) - stack.emulator.recorder.used if told_here(*each[1:])}
    idle = {(who, action, on) for who, action, on in idle if (who, action) not in NEEDS_MONTHS}
    return [f"{who} may {action} on {on}, and never does" for who, action, on in sorted(idle)]
