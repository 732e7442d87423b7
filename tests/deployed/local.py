"""The local stack: the `tessera` binary on a free port."""

import json
import subprocess
import urllib.request
from types import TracebackType
from typing import Any

import boto3

from stack import TESSERA, Stack


class Local(Stack):
    """A local stack in memory, for as long as the block runs."""

    def __enter__(self) -> "Local":
        self.process = subprocess.Popen([TESSERA, "--empty", "--port", "0"], stdout=subprocess.PIPE, text=True)
        printed = ""
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("ready "):
                self.url = line.split()[1]
                break
            printed += line
        self.take_program(printed)
        with urllib.request.urlopen(f"{self.url}/_local/endpoints") as answer:
            self.endpoints = json.load(answer)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait()

    def operator(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL_DYNAMODB": self.endpoints["dynamodb"],
            "AWS_ENDPOINT_URL_SQS": self.endpoints["sqs"],
            "AWS_REGION": "local",
            "AWS_ACCESS_KEY_ID": self.endpoints["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": "local",
        }

    @property
    def sqs(self) -> Any:
        keys = {"aws_access_key_id": self.endpoints["access_key_id"], "aws_secret_access_key": "local"}
        return boto3.client("sqs", endpoint_url=self.endpoints["sqs"], region_name="local", **keys)

    def run_job(self, name: str) -> Any:
        return self.call("POST", f"/_local/jobs/{name}").body
