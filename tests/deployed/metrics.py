"""CloudWatch as far as the emulator goes: metrics that it does not publish, and alarms that it does not evaluate.

The emulator publishes `AWS/Lambda` for direct invocations alone, and its alarms ignore dimensions. So the tests observe what a
metric measures, publish it under its real name and dimensions, and evaluate the alarms of the template themselves."""

import math
import re
import time
from datetime import datetime, timezone
from typing import Any

from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from deployment import LEFT_OUT, STACK, Deployment
from emulator import WORK

# As CloudWatch compares: the template uses no other.
GREATER = "GreaterThanThreshold"
STATISTICS = ["Sum", "Maximum", "SampleCount"]


def when(seconds: float) -> datetime:
    """A time of CloudWatch."""
    return datetime.fromtimestamp(seconds, timezone.utc)


class Metrics:
    """The alarms of a stack and the metrics that they watch."""

    def __init__(self, stack: Deployment) -> None:
        self.stack = stack
        self.cloudwatch = stack.client("cloudwatch")
        self.alarms = self._deployed() | self._left_out()

    def _deployed(self) -> dict[str, dict[str, Any]]:
        """The alarms as they are deployed, by their names in the template."""
        pages = self.cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{STACK}-")
        found = [alarm for page in pages for alarm in page["MetricAlarms"]]
        return {re.sub(rf"^{STACK}-(\w+?Alarm).*", r"\1", alarm["AlarmName"]): alarm for alarm in found}

    def _left_out(self) -> dict[str, dict[str, Any]]:
        """The alarms that the emulator refuses, from the template, with the names of their tables."""
        resources = yaml_parse((WORK / "sam" / "template.yaml").read_text())["Resources"]
        listed = self.stack.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        physical = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed}
        found = {}
        for name in LEFT_OUT:
            alarm = dict(resources[name]["Properties"])
            for metric in alarm["Metrics"]:
                for dimension in metric.get("MetricStat", {}).get("Metric", {}).get("Dimensions", []):
                    dimension["Value"] = physical[dimension["Value"]["Ref"]]
            found[name] = alarm
        return found

    def parts(self, name: str) -> list[tuple[dict[str, Any], str]]:
        """The metrics that an alarm adds up, with the statistic of each."""
        alarm = self.alarms[name]
        if "MetricName" in alarm:
            metric = {key: alarm[key] for key in ("Namespace", "MetricName")}
            return [(metric | {"Dimensions": alarm.get("Dimensions", [])}, alarm["Statistic"])]
        (sum_of_all,) = [each for each in alarm["Metrics"] if each.get("ReturnData", True)]
        assert sum_of_all["Expression"] == "SUM(METRICS())", sum_of_all
        return [(each["MetricStat"]["Metric"], each["MetricStat"]["Stat"]) for each in alarm["Metrics"] if "MetricStat" in each]

    def period(self, name: str) -> int:
        """The seconds of a period."""
        alarm = self.alarms[name]
        if "Period" in alarm:
            return int(alarm["Period"])
        return int(next(each["MetricStat"]["Period"] for each in alarm["Metrics"] if "MetricStat" in each))

    def publish(self, name: str, value: float, since: float = 0.0) -> None:
        """Publishes what was observed, for each period that the alarm looks at: nobody waits for them here. With `since`, for
        the moment alone."""
        period, periods = self.period(name), int(self.alarms[name]["EvaluationPeriods"])
        moments = [time.time()] if since else [time.time() - period * each for each in range(periods)]
        (metric, _), *_ = self.parts(name)
        for moment in moments:
            self.cloudwatch.put_metric_data(
                Namespace=metric["Namespace"],
                MetricData=[
                    {
                        "MetricName": metric["MetricName"],
                        "Dimensions": metric["Dimensions"],
                        "Value": value,
                        "Timestamp": when(moment),
                    }
                ],
            )

    def is_raised(self, name: str, since: float | None = None) -> bool:
        """Whether the alarm's metric is above its threshold in all of its latest periods. With `since`, only what was measured
        from then on counts, and something must have been measured."""
        alarm, period = self.alarms[name], self.period(name)
        assert alarm["ComparisonOperator"] == GREATER, alarm
        assert alarm["TreatMissingData"] == "notBreaching", alarm
        now = time.time()
        end = math.ceil(now / period) * period
        # Two windows: a period may have ended between what happened and this moment.
        length = int(alarm["EvaluationPeriods"])
        values: dict[float, float] = {}
        measured = 0.0
        for metric, statistic in self.parts(name):
            found = self.cloudwatch.get_metric_statistics(
                **metric,
                StartTime=when(since if since is not None else end - (length + 1) * period),
                EndTime=when(end),
                Period=period,
                Statistics=STATISTICS,
            )
            for point in found["Datapoints"]:
                at = point["Timestamp"].timestamp()
                values[at] = values.get(at, 0.0) + point[statistic]
                measured += point["SampleCount"]
        assert since is None or measured, f"{name}: nothing was measured"
        breaching = [values.get(end - place * period, 0.0) > float(alarm["Threshold"]) for place in range(1, length + 2)]
        if since is not None:
            return any(breaching)
        return all(breaching[:length]) or all(breaching[1:])

    def total(self, metric: dict[str, Any]) -> float:
        """What a metric counted in the last minutes."""
        now = time.time()
        found = self.cloudwatch.get_metric_statistics(
            **metric, StartTime=when(now - 120), EndTime=when(now + 60), Period=60, Statistics=["Sum"]
        )
        return float(sum(point["Sum"] for point in found["Datapoints"]))

    def calm(self) -> None:
        """Tells the emulator that no alarm is raised."""
        for name in self.alarms:
            self.set_state(name, "OK")

    def set_state(self, name: str, state: str) -> None:
        """Tells the emulator what the evaluation said, so that its topic and `tessera doctor` know."""
        if name in LEFT_OUT:
            return
        alarm = self.alarms[name]["AlarmName"]
        self.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="evaluated by the tests")
