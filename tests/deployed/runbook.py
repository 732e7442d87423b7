"""Follows docs/runbook.md: runs its commands as they stand there."""

import os
import re
import subprocess
from pathlib import Path

from emulator import WORK
from stack import ROOT, TESSERA, Stack

RUNBOOK = ROOT / "docs" / "runbook.md"
# Version 1 of the AWS CLI sends requests to SQS past AWS_ENDPOINT_URL.
PREAMBLE = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }\n'


def section(heading: str) -> str:
    """The text below a heading."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"docs/runbook.md has no section {heading}"
    return found[1]


def commands(heading: str) -> list[str]:
    """The blocks of commands of a section; those of a list are indented."""
    return [
        re.sub(r"^ {2,}(?=\S)", "", block, flags=re.MULTILINE) if block.startswith("  ") else block
        for block in re.findall(r"^ *```sh\n(.*?)^ *```$", section(heading), re.MULTILINE | re.DOTALL)
    ]


def follow(stack: Stack, script: str, replaced: dict[str, str] | None = None, folder: Path | None = None) -> str:
    """Runs commands with the operator's credentials and returns their output. Examples in them are replaced: each must be
    there."""
    for example, value in (replaced or {}).items():
        assert example in script, f"docs/runbook.md does not say {example}:\n{script}"
        script = script.replace(example, value)
    paths = os.pathsep.join([str(TESSERA.parent), str(WORK / "tools" / "bin"), os.environ["PATH"]])
    environment = os.environ | stack.operator() | {"PATH": paths, "AWS_PAGER": ""}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", PREAMBLE + script],
        cwd=folder or WORK,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout
