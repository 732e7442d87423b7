"""Repository rules that no compiler checks: short files, no leftovers, and agreement between the folders of functions,
template.yaml and events/."""

import json
import re
import subprocess
import sys
from pathlib import Path

import tomlkit
import yaml

ROOT = Path(__file__).resolve().parent.parent

LONG = 500
TOO_LONG = 600
CODE = {".rs", ".py", ".ts", ".js", ".sh"}

# Spelled so that this file does not contain what it looks for.
LEFT_OVER = {
    "a marker of unfinished work": r"\bTO[D]O\b|\bFIX[M]E\b|\bX[X]X\b|\bHA[C]K\b|\btodo[!]|\bunimplemented[!]",
    "a word for unfinished work": r"(?i)(//|#).*\bfor[ ]now\b|//!? ?stu[b]\b",
    "a debugging aid": r"\bdbg[!]\(",
    "a conflict of a merge": r"^(<{7}|>{7}) ",
    "a path of one machine": r"(?<![\w./}-])/(work|root|home|Users)/\w",
}


# Functions that may scan a table.
SCANS = {"BacktestRun", "Transfer"}

# Calls that are allowed in one file only.
CONFINED = {r"\.scan[(][)]": (Path("shared/store/src/scan.rs"), "no request may grow with the table")}


def files() -> list[Path]:
    """All files of the repository, including those not yet added."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    names = listed.stdout.decode().split("\0")
    return [Path(name) for name in sorted(names) if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str | None:
    """The text of a file; None when it is binary."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def leftovers(text: str) -> list[tuple[int, str]]:
    """The lines with leftovers, and their kinds.

    >>> leftovers("a\\n// TO" + "DO: b\\nlet TODOS = 1;")
    [(2, 'a marker of unfinished work')]
    >>> leftovers("see /ho" + "me/ada/x, https://example.com/home/ada and ../there/main")
    [(1, 'a path of one machine')]
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        found += [(number, what) for what, pattern in LEFT_OVER.items() if re.search(pattern, line)]
    return found


def check_files(faults: list[str], notes: list[str]) -> int:
    """Checks length and leftovers of every file, and returns the number of files."""
    paths = files()
    for path in paths:
        text = text_of(path)
        if text is None or path.name in {"Cargo.lock", "LICENSE"} or path.suffix == ".csv":
            continue
        lines = text.count("\n")
        if path.suffix in CODE or path.name == "test":
            if lines > TOO_LONG:
                faults.append(f"{path}: {lines} lines, more than {TOO_LONG}")
            elif lines > LONG:
                notes.append(f"{path}: {lines} lines, more than {LONG}")
        if text and not text.endswith("\n"):
            faults.append(f"{path}: no end of line at its end")
        faults += [f"{path}:{line}: {what}" for line, what in leftovers(text)]
        if path.suffix == ".rs" and "tests" not in path.parts:
            for pattern, (home, reason) in CONFINED.items():
                if path != home and re.search(pattern, text):
                    faults.append(f"{path}: {pattern} belongs to {home} alone: {reason}")
    return len(paths)


PUBLIC_TYPE = re.compile(r"^\s*pub(?:\([a-z: ]+\))? (?:struct|enum|trait|union|type) (\w+)", re.MULTILINE)


def public_types(text: str) -> set[str]:
    """The names of the types that a file defines for others: for its parent module, its crate or everyone.

    A name that is defined twice in one file has variants under features.

    >>> sorted(public_types("pub struct Lot {\\n}\\nstruct Own;\\n    pub(crate) type Key = u8;\\npub(in crate::a) enum Odd {}"))
    ['Key', 'Lot', 'Odd']
    """
    return set(PUBLIC_TYPE.findall(text))


def check_names(faults: list[str]) -> None:
    """Checks that every name of a public type has one definition, so that it has one meaning. Test code is its own world."""
    homes: dict[str, list[Path]] = {}
    for path in files():
        if path.suffix == ".rs" and "tests" not in path.parts and path.parts[:2] != ("benches", "peers"):
            for name in public_types(text_of(path) or ""):
                homes.setdefault(name, []).append(path)
    for name, paths in sorted(homes.items()):
        if len(paths) > 1:
            faults.append(f"the public type {name} has {len(paths)} definitions: {', '.join(map(str, paths))}")


def check_manifests(faults: list[str]) -> None:
    """Checks that every package has the workspace's lints."""
    for path in files():
        if path.name == "Cargo.toml" and path != Path("Cargo.toml"):
            manifest = tomlkit.parse((ROOT / path).read_text(encoding="utf-8"))
            if not manifest.get("lints", {}).get("workspace"):
                faults.append(f"{path}: without the lints of the workspace")


class Template(yaml.SafeLoader):
    """Loads a template. A tag such as `!GetAtt Facts.Arn` becomes the pair of its name and argument."""


def _call(loader: yaml.Loader, name: str, node: yaml.Node) -> tuple[str, object]:
    if isinstance(node, yaml.ScalarNode):
        return name, loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return name, loader.construct_sequence(node, deep=True)
    return name, loader.construct_mapping(node, deep=True)


Template.add_multi_constructor("!", _call)


def kebab(name: str) -> str:
    """The name of a sample's file.

    >>> kebab("ListApiKeys"), kebab("Facts")
    ('list-api-keys', 'facts')
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def check_policies(name: str, properties: dict, faults: list[str]) -> None:
    """Checks that policies name each action and resource."""
    for policy in properties.get("Policies", []):
        if not isinstance(policy, dict) or "Statement" not in policy:
            faults.append(f"template.yaml: {name}: a policy is written out as statements")
            continue
        for statement in policy["Statement"]:
            actions, resource = statement["Action"], statement["Resource"]
            for action in [actions] if isinstance(actions, str) else actions:
                if "*" in action or (action.endswith(":Scan") and name not in SCANS):
                    faults.append(f"template.yaml: {name}: the action {action} is too much")
            if "*" in str(resource):
                faults.append(f"template.yaml: {name}: a statement must name its resources")


def check_trigger(name: str, event: dict, timeout: int, resources: dict, faults: list[str]) -> None:
    """Checks that a batched trigger reports failures by record and has a sufficient visibility timeout."""
    own = event["Properties"]
    if event["Type"] in {"SQS", "DynamoDB"} and "ReportBatchItemFailures" not in own.get("FunctionResponseTypes", []):
        faults.append(f"template.yaml: {name}: fails by batch, not by record")
    if event["Type"] == "SQS":
        queue = resources[own["Queue"][1].split(".")[0]]["Properties"]
        if queue.get("VisibilityTimeout", 30) < 6 * timeout:
            faults.append(f"template.yaml: {name}: messages come again before six times the function's timeout")
        if "RedrivePolicy" not in queue:
            faults.append(f"template.yaml: {name}: its queue has no dead-letter queue")


def check_sample(path: Path, name: str, event: dict | None, faults: list[str]) -> None:
    """Checks that a sample matches its trigger."""
    try:
        sample = json.loads((ROOT / path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        faults.append(f"{path}: missing, the sample of {name} in template.yaml")
        return
    if event is None:
        right = sample.get("type") == "REQUEST" and sample.get("version") == "2.0"
    elif event["Type"] == "HttpApi":
        right = sample.get("routeKey") == f"{event['Properties']['Method']} {event['Properties']['Path']}"
    else:
        source = {"SQS": "aws:sqs", "DynamoDB": "aws:dynamodb"}.get(event["Type"])
        right = source is None or {record["eventSource"] for record in sample["Records"]} == {source}
    if not right:
        faults.append(f"{path}: not what {name} in template.yaml sends")


def check_functions(faults: list[str]) -> int:
    """Checks that folders, resources and samples of functions match, and returns the number of functions."""
    template = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Template)
    resources = template["Resources"]
    functions = {name: it for name, it in resources.items() if it["Type"] == "AWS::Serverless::Function"}
    gates = {
        authorizer["FunctionArn"][1].split(".")[0]: kebab(name)
        for api in resources.values()
        if api["Type"] == "AWS::Serverless::HttpApi"
        for name, authorizer in api["Properties"]["Auth"]["Authorizers"].items()
    }
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/Cargo.toml")}
    described, samples, routes = set(), set(), set()
    for name, function in functions.items():
        properties = function["Properties"]
        folder = properties["CodeUri"].removeprefix("./functions/")
        described.add(folder)
        if function["Metadata"]["BuildProperties"]["Binary"] != folder:
            faults.append(f"template.yaml: {name}: its binary is not called {folder}")
        if properties["FunctionName"] != ("Sub", f"${{AWS::StackName}}-{folder}"):
            faults.append(f"template.yaml: {name}: is not called after its folder {folder}")
        check_policies(name, properties, faults)
        events = properties.get("Events", {})
        timeout = properties.get("Timeout", template["Globals"]["Function"]["Timeout"])
        for trigger, event in events.items():
            check_trigger(f"{name}.{trigger}", event, timeout, resources, faults)
            if event["Type"] == "HttpApi":
                route = (event["Properties"]["Method"], event["Properties"]["Path"])
                if route in routes:
                    faults.append(f"template.yaml: {name}.{trigger}: the route {' '.join(route)} is taken")
                routes.add(route)
        triggers = {kebab(trigger): event for trigger, event in events.items()}
        if name in gates:
            triggers[gates[name]] = None
        if not triggers:
            faults.append(f"template.yaml: {name}: nothing calls it")
        for trigger, event in triggers.items():
            path = Path("events", folder, f"{trigger}.json")
            samples.add(path)
            check_sample(path, f"{name}.{trigger}", event, faults)
    for folder in sorted(folders - described):
        faults.append(f"functions/{folder}: not in template.yaml")
    for folder in sorted(described - folders):
        faults.append(f"template.yaml: there is no functions/{folder}")
    for folder in sorted(folders):
        manifest = tomlkit.parse((ROOT / "functions" / folder / "Cargo.toml").read_text(encoding="utf-8"))
        if [binary["name"] for binary in manifest.get("bin", [])] != [folder]:
            faults.append(f"functions/{folder}/Cargo.toml: its one binary is not called {folder}")
    for path in sorted((ROOT / "events").rglob("*.json")):
        if path.relative_to(ROOT) not in samples:
            faults.append(f"{path.relative_to(ROOT)}: no trigger in template.yaml sends this")
    return len(functions)


# What the dashboard shows of each kind of resource.
SHOWN = {
    "AWS::Serverless::Function": {"Errors", "Duration", "ConcurrentExecutions"},
    "AWS::SQS::Queue": {"ApproximateNumberOfMessagesVisible"},
    "AWS::DynamoDB::Table": {
        "ConsumedReadCapacityUnits",
        "ConsumedWriteCapacityUnits",
        "ReadThrottleEvents",
        "WriteThrottleEvents",
    },
}


def shown_metrics(body: str) -> set[tuple[str, str]]:
    """The pairs of metric and resource on a dashboard.

    >>> shown_metrics('{"widgets": [{"properties": {"metrics": [["AWS/Lambda", "Errors", "FunctionName", "${Kpi}"]]}}]}')
    {('Errors', 'Kpi')}
    """
    widgets = json.loads(body)["widgets"]
    metrics = [metric for widget in widgets for metric in widget["properties"]["metrics"]]
    # The last name is that of the resource; an account's metric has none.
    named = [[word for word in metric if isinstance(word, str)] for metric in metrics]
    return {(words[1], re.sub(r"[${}]|\.QueueName", "", words[3]) if len(words) > 3 else "") for words in named}


def check_dashboard(faults: list[str]) -> None:
    """Checks that the dashboard shows every function, queue and table, and the metric of every alarm."""
    template = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Template)
    resources = template["Resources"]
    (dashboard,) = (it for it in resources.values() if it["Type"] == "AWS::CloudWatch::Dashboard")
    shown = shown_metrics(dashboard["Properties"]["DashboardBody"][1])
    expected = {(metric, name) for name, it in resources.items() for metric in SHOWN.get(it["Type"], ())}
    # Messages wait in these; the others hold what was given up.
    waiting = {name for name, it in resources.items() if "RedrivePolicy" in it.get("Properties", {})}
    expected |= {("ApproximateAgeOfOldestMessage", name) for name in waiting}
    for it in resources.values():
        if it["Type"] != "AWS::CloudWatch::Alarm":
            continue
        alarm = it["Properties"]
        for metric in [alarm, *(part.get("MetricStat", {}).get("Metric", {}) for part in alarm.get("Metrics", []))]:
            if "MetricName" in metric:
                names = [dimension["Value"][1].split(".")[0] for dimension in metric.get("Dimensions", [])]
                expected.add((metric["MetricName"], names[0] if names else ""))
    for metric, name in sorted(expected - shown):
        faults.append(f"template.yaml: the dashboard does not show {metric} of {name or 'the account'}")


def main() -> int:
    """Prints all faults; the exit code is 1 if there are any."""
    faults: list[str] = []
    notes: list[str] = []
    count = check_files(faults, notes)
    check_manifests(faults)
    check_names(faults)
    functions = check_functions(faults)
    check_dashboard(faults)
    for note in notes:
        print(f"note: {note}")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{count} files, {functions} functions, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
