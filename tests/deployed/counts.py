"""What receipts use on the deployed stack, and what a million of them costs."""

import json
import sys
import time
from collections import Counter
from datetime import datetime, timezone
from typing import Any

from deployment import STACK, Deployment

RECEIPTS = 300
LINES = 5
MEMBERS = 60
# Counters that a member's account holds: rules that count towards a threshold.
COUNTERS = 10
READS = ("GetItem", "BatchGetItem", "Query")
MEMORY_GB = {"receipt-ingestion": 0.25, "event-relay": 0.25, "rule-evaluation": 0.5, "authorizer": 0.25}
# us-east-1, on demand, arm64, per million of each; the formula of the specification.
PRICE = {
    "write units": 0.625,
    "read units": 0.125,
    "SQS requests (FIFO)": 0.50,
    "invocations": 0.20,
    "ms × GB": 0.0133,
    "API calls": 1.00,
}
