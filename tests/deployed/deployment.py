"""The deployed stack: `sam build` and `sam deploy` of template.yaml, on the emulator."""

import json
import os
import platform
import re
import secrets
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3

from emulator import WORK, Emulator, log_end
from stack import ROOT, Stack

STACK = "tessera"
SECRETS_KEY = "/tessera/secrets-key"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
# The emulator does not support alarms on metric math.
LEFT_OUT = ["TablesThrottledAlarm"]
# Fat LTO takes half an hour on two cores, and these tests do not depend on it.
BUILD = {
    "CARGO_TARGET_DIR": str(WORK),
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    # The machine's own toolchain, without cross-compilation.
    "CARGO_LAMBDA_COMPILER": "cargo",
}
# Functions that send requests to the journeys' fakes on 127.0.0.1, by their resource. SAM cannot pass features on: these are built
# once more.
LOOPBACK = {
    "Connections": "connections",
    "Inbound": "inbound",
    "Integrations": "integrations",
    "Notifications": "notifications",
    "ShopCodes": "shop-codes",
}


class Deployment(Stack):
    """A deployed stack, for as long as the block runs. With `built`, its functions were built before."""

    def __init__(self, built: bool = False) -> None:
        self.built = built

    def __enter__(self) -> "Deployment":
        if not self.built:
            build()
        self.emulator = Emulator()
        try:
            self._deploy()
        except BaseException:
            self.emulator.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.emulator.stop()
        if error is not None and not isinstance(error, SystemExit):
            print(log_end(self.emulator.log))

    def _deploy(self) -> None:
        key = b64encode(secrets.token_bytes(32)).decode()
        self.client("ssm").put_parameter(Name=SECRETS_KEY, Value=key, Type="SecureString")
        bucket = f"{STACK}-code"
        self.client("s3").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": self.emulator.variables()["AWS_REGION"]}
        )
        sam(
            "deploy",
            *("--template-file", str(without(WORK / "sam" / "template.yaml", LEFT_OUT))),
            *("--stack-name", STACK, "--s3-bucket", bucket, "--capabilities", "CAPABILITY_IAM"),
            *("--no-confirm-changeset", "--no-progressbar", "--parameter-overrides"),
            *(f"Architecture={ARCHITECTURE}", "DeletionProtection=false"),
            environment=self.emulator.variables(),
        )
        allow_batches(self.client("iam"))
        protect_nothing(self.client("dynamodb"))
        self.api = connect_api(self)
        self.url = self.emulator.url
        self.host = f"{self.api}.execute-api.localhost:{self.emulator.port}"
        # The stack's own status.
        stack = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        self.take_program(self.tessera(*outputs["CreateProgram"].split()[1:]))

    def functions(self) -> list[Any]:
        """The deployed functions."""
        pages = self.client("lambda").get_paginator("list_functions").paginate()
        return [found for page in pages for found in page["Functions"]]

    def client(self, service: str) -> Any:
        """A client with root credentials."""
        found = self.emulator.variables()
        return boto3.client(
            service,
            endpoint_url=found["AWS_ENDPOINT_URL"],
            region_name=found["AWS_REGION"],
            aws_access_key_id=found["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"],
        )

    def operator(self) -> dict[str, str]:
        return self.emulator.variables()

    @property
    def sqs(self) -> Any:
        return self.client("sqs")

    def run_job(self, name: str) -> Any:
        """Invokes the schedule's target with its input."""
        scheduler = self.client("scheduler")
        schedules = scheduler.list_schedules()["Schedules"]
        target = next(
            found["Target"]
            for found in (scheduler.get_schedule(Name=each["Name"]) for each in schedules)
            if found["Target"]["Arn"].endswith(f":{STACK}-{name}")
        )
        answer = self.client("lambda").invoke(FunctionName=target["Arn"], Payload=target.get("Input", "{}"))
        return json.load(answer["Payload"])


def sam(*words: str, environment: dict[str, str]) -> None:
    """Runs SAM CLI."""
    tool(["sam", *words], ROOT, environment | {"AWS_DEFAULT_REGION": "eu-south-1"})


def tool(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Runs an installed tool, and shows its output when it fails."""
    tools = WORK / "tools" / "bin"
    variables = os.environ | environment | {"PATH": f"{tools}:{os.environ['PATH']}"}
    found = shutil.which(command[0], path=variables["PATH"])
    assert found, f"{command[0]} is not installed"
    print("==>", *command[:2], flush=True)
    done = subprocess.run([found, *command[1:]], cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:2])} failed:\n{done.stdout[-8000:]}{done.stderr[-8000:]}")


def build() -> None:
    """Builds the real binaries for this machine's processor."""
    sam(
        "build",
        *("--template-file", "template.yaml", "--build-dir", str(WORK / "sam")),
        *("--no-cached", "--parameter-overrides", f"Architecture={ARCHITECTURE}"),
        environment=BUILD,
    )
    for resource, function in LOOPBACK.items():
        feature = ["--features", "loopback-targets"]
        arm = ["--arm64"] if ARCHITECTURE == "arm64" else []
        command = ["cargo", "lambda", "build", "--release", *arm, "--bin", function, *feature]
        tool(command, ROOT / "functions" / function, BUILD)
        shutil.copy2(WORK / "lambda" / function / "bootstrap", WORK / "sam" / resource / "bootstrap")


def without(built: Path, resources: list[str]) -> Path:
    """Writes the built template without some resources."""
    text = built.read_text()
    for resource in resources:
        text, found = re.subn(rf"^  {resource}:\n(?:    .*\n|\n)*", "", text, flags=re.MULTILINE)
        assert found == 1, resource
    left = built.with_name("emulated.yaml")
    left.write_text(text)
    return left


def allow_batches(iam: Any) -> None:
    """Adds a permission for batches, which AWS does not have: there, SendMessage includes them."""
    for role in iam.list_roles()["Roles"]:
        for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            found = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
            document = found if isinstance(found, dict) else json.loads(found)
            for statement in document["Statement"]:
                if "sqs:SendMessage" in statement["Action"]:
                    statement["Action"] = ["sqs:SendMessage", "sqs:SendMessageBatch"]
                    iam.put_role_policy(
                        RoleName=role["RoleName"], PolicyName=name, PolicyDocument=json.dumps(document)
                    )


def protect_nothing(dynamodb: Any) -> None:
    """Says again that tables may be deleted: the emulator keeps the template's parameter as a text, which clients refuse to
    read."""
    for table in dynamodb.list_tables()["TableNames"]:
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)


def connect_api(stack: Deployment) -> str:
    """Creates the routes that the emulator ignores in the body of an `HttpApi`, from the processed template. Returns the
    API's id."""
    cloudformation, gateway = stack.client("cloudformation"), stack.client("apigatewayv2")
    listed = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    physical = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed}
    template = cloudformation.get_template(StackName=STACK, TemplateStage="Processed")["TemplateBody"]
    template = template if isinstance(template, dict) else json.loads(template)
    body = template["Resources"]["Api"]["Properties"]["Body"]
    api, functions = physical["Api"], stack.client("lambda")

    def function_of(uri: Any) -> str:
        named = re.search(r'\$\{(\w+)\.Arn\}|"Fn::GetAtt": \["(\w+)", "Arn"\]', json.dumps(uri))
        assert named, uri
        found = functions.get_function(FunctionName=physical[named[1] or named[2]])
        return str(found["Configuration"]["FunctionArn"])

    authorizers = {}
    for name, scheme in body["components"]["securitySchemes"].items():
        asked = scheme["x-amazon-apigateway-authorizer"]
        made = gateway.create_authorizer(
            ApiId=api,
            Name=name,
            AuthorizerType="REQUEST",
            AuthorizerUri=f"arn:aws:apigateway:eu-south-1:lambda:path/2015-03-31/functions/"
            f"{function_of(asked['authorizerUri'])}/invocations",
            AuthorizerPayloadFormatVersion=asked["authorizerPayloadFormatVersion"],
            EnableSimpleResponses=asked["enableSimpleResponses"],
            IdentitySource=asked["identitySource"],
            AuthorizerResultTtlInSeconds=asked["authorizerResultTtlInSeconds"],
        )
        authorizers[name] = made["AuthorizerId"]
    for path, methods in body["paths"].items():
        for method, route in methods.items():
            asked = route["x-amazon-apigateway-integration"]
            integration = gateway.create_integration(
                ApiId=api,
                IntegrationType="AWS_PROXY",
                IntegrationMethod="POST",
                IntegrationUri=function_of(asked["uri"]),
                PayloadFormatVersion=asked["payloadFormatVersion"],
            )
            names = [name for each in route.get("security", []) for name in each if name in authorizers]
            secured = {"AuthorizationType": "CUSTOM", "AuthorizerId": authorizers[names[0]]} if names else {}
            gateway.create_route(
                ApiId=api,
                RouteKey=f"{method.upper()} {path}",
                Target=f"integrations/{integration['IntegrationId']}",
                **secured,
            )
    return api
