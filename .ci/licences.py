"""Checks the licences and sources of all dependencies against deny.toml.

Does what `cargo deny check bans licenses sources` does for the settings we use, without having to be compiled.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import tomlkit

ROOT = Path(__file__).resolve().parent.parent


def accepted(expression: str, allowed: set[str]) -> bool:
    """True when allowed licences satisfy an SPDX expression; `/` is the old form of OR.

    >>> allowed = {"MIT", "ISC", "Apache-2.0 WITH LLVM-exception"}
    >>> [accepted(text, allowed) for text in ("MIT", "GPL-3.0", "MIT/GPL-3.0", "MIT OR GPL-3.0", "MIT AND GPL-3.0")]
    [True, False, True, True, False]
    >>> accepted("(MIT OR GPL-3.0) AND ISC", allowed), accepted("GPL-3.0 OR MIT AND ISC", allowed)
    (True, True)
    >>> accepted("Apache-2.0 WITH LLVM-exception", allowed), accepted("Apache-2.0", allowed), accepted("", allowed)
    (True, False, False)
    """
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either() -> bool:
        met = both()
        while words[:1] == ["OR"]:
            words.pop(0)
            met = both() or met
        return met

    def both() -> bool:
        met = one()
        while words[:1] == ["AND"]:
            words.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        if not words:
            return False
        word = words.pop(0)
        if word == "(":
            met = either()
            return bool(words) and words.pop(0) == ")" and met
        if words[:1] == ["WITH"]:
            word = " ".join([word, words.pop(0), words.pop(0) if words else ""])
        return word in allowed

    return either() and not words


def faults(packages: list[dict], settings: dict) -> list[str]:
    """One line per violation of deny.toml."""
    allowed = set(settings["licenses"]["allow"])
    banned = {ban["name"]: ban["reason"] for ban in settings["bans"]["deny"]}
    found = []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if not accepted(package["license"] or "", allowed):
            found.append(f"{name}: licence {package['license'] or 'unknown'} is not allowed by deny.toml")
        if package["name"] in banned:
            found.append(f"{name}: not allowed by deny.toml: {banned[package['name']]}")
        source = package["source"]
        if source and "crates.io-index" not in source:
            found.append(f"{name}: comes from {source}, not from crates.io")
        if not source:
            for dependency in package["dependencies"]:
                if dependency["req"] == "*" and not dependency.get("path"):
                    found.append(f"{name}: takes any version of {dependency['name']}")
    return found


def main() -> int:
    """Prints all violations; the exit code is 1 if there are any."""
    settings = tomlkit.parse((ROOT / "deny.toml").read_text(encoding="utf-8"))
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    packages = json.loads(metadata.stdout)["packages"]
    found = faults(packages, settings)
    for fault in found:
        print(fault, file=sys.stderr)
    print(f"{len(packages)} packages, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
