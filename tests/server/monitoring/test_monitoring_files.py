"""The dashboard and the rules in k8s/monitoring name metrics that there are, and every alert has its runbook."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.monitoring import Metrics
from tandem.monitoring.builtin_rules import BUILTIN_RULES

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "k8s" / "monitoring"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "alert-rules.yaml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SECTIONS = set(re.findall(r"^## (\S+)$", (ROOT / "docs" / "runbook.md").read_text(), re.M))

_NAME = re.compile(r"\b((?:tandem|process)_\w+)(?:\{([^}]*)\})?")
_OTHERS = {"job", "instance", "le"}


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in PANELS for target in panel["targets"])


def known() -> dict[str, set[str]]:
    """The names of all samples on /metrics, with the labels that they have; also those of which there are none yet."""
    found: dict[str, set[str]] = {}
    registry = Metrics().registry
    for family in registry.collect():
        suffixes = {
            "counter": ["_total"],
            "histogram": ["_bucket", "_sum", "_count"],
            "summary": ["_sum", "_count"],
        }
        for suffix in suffixes.get(family.type, [""]):
            found[f"{family.name}{suffix}"] = set()
    for collector in list(registry._collector_to_names):
        labels = set(getattr(collector, "_labelnames", ()))
        for name in registry._collector_to_names[collector]:
            if name in found:
                found[name] = labels
    return found


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_metric_and_label_of_an_expression_is_on_the_page(expression: str) -> None:
    metrics = known()
    named = _NAME.findall(expression)
    assert named or expression.startswith("up{"), expression
    allowed = set(_OTHERS)
    for name, matchers in named:
        assert name in metrics, name
        allowed |= metrics[name]
        for label in re.findall(r"(\w+)\s*(?:=~|!=|=)", matchers):
            assert label in metrics[name] | _OTHERS, (name, label)
    for labels in re.findall(r"\bby\s*\(([^)]*)\)", expression):
        assert {label.strip() for label in labels.split(",")} <= allowed, expression


def test_the_rules_for_the_operator_are_the_same() -> None:
    operators = yaml.safe_load((FOLDER / "prometheusrule.yaml").read_text())
    assert operators["kind"] == "PrometheusRule"
    assert operators["spec"]["groups"][0]["rules"] == RULES


def test_the_dashboard_has_a_panel_for_each_promise() -> None:
    shown = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    for metric in (
        "tandem_first_token_seconds",
        "tandem_answer_seconds",
        "tandem_tokens",
        "tandem_answers_total",
        "tandem_searches_total",
        "tandem_cited_share",
        "tandem_feedback_votes",
        "tandem_quality",
        "tandem_alerts",
        "tandem_interventions",
        "tandem_tenant_answers",
    ):
        assert metric in shown, metric
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}
    assert DASHBOARD["templating"]["list"][0]["name"] == "datasource"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_prometheus_alert_has_a_severity_a_summary_and_a_section_of_the_runbook(
    rule: dict[str, Any],
) -> None:
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page.endswith("/docs/runbook.md")
    assert anchor == rule["alert"].lower()
    assert rule["alert"] in SECTIONS


@pytest.mark.parametrize("rule", BUILTIN_RULES, ids=lambda rule: rule.name)
def test_every_built_in_rule_has_a_section_of_the_runbook(rule: Any) -> None:
    assert rule.name in SECTIONS


def test_the_runbook_has_no_section_of_an_alert_that_there_is_not() -> None:
    assert {rule["alert"] for rule in RULES} | {rule.name for rule in BUILTIN_RULES} == SECTIONS
