"""What functions may do, held against what they did, where the local stack cannot tell: there a version of a program is read
once for all functions, and the key of stored secrets is given. The rest is in tests/it/least_privilege.rs."""

import json
from typing import Any

from deployment import STACK, Deployment

# Which function did, or may do, what on what: a table, a parameter.
Permission = tuple[str, str, str]


def told_here(action: str, resource: str) -> bool:
    """Whether the deployed stack alone shows that a permission is used."""
    reads = ("dynamodb:GetItem", "dynamodb:Query")
    return action == "ssm:GetParameter" or (action in reads and resource == f"{STACK}-programs")


def listed(value: Any) -> list[Any]:
    """Policies say one or several."""
    return value if isinstance(value, list) else [value]


def granted(stack: Deployment) -> set[Permission]:
    """What the roles of the functions say."""
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
    """What functions may do and did not."""
    idle = granted(stack) - stack.emulator.recorder.used
    return [f"{who} may {action} on {on}, and never does" for who, action, on in sorted(idle) if told_here(action, on)]
