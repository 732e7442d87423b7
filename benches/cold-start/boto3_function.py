"""A Python function that creates a DynamoDB client and responds without a call, run by the runtime's loop."""

import http.client
import json
import os

import boto3

TABLE = boto3.client("dynamodb")
RUNTIME = "/2018-06-01/runtime/invocation"


def main() -> None:
    """Echoes events until the process is stopped."""
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", f"{RUNTIME}/next")
        event = api.getresponse()
        request = event.headers["Lambda-Runtime-Aws-Request-Id"]
        body = json.dumps(json.load(event))
        api.request("POST", f"{RUNTIME}/{request}/response", body, {"Content-Type": "application/json"})
        api.getresponse().read()


main()
