"""The page of metrics says what was observed, and stays small whatever ids, tenants and recipes come."""

import re
from dataclasses import replace
from datetime import timedelta

from watched import NOW, seen

from server.monitoring import Metrics
from tandem.monitoring import Figures, Moments
from tandem.monitoring.alert import Alert

MOST_SERIES = 2_000
USUAL = seen()
ALERT = Alert("a", "r", "all", "firing", "critical", "failed_share", NOW, NOW)


def page(metrics: Metrics) -> str:
    return metrics.page(engine_ready=True, breakers={}).decode()


def series(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def value(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
    assert found, name
    return float(found[1])


def test_an_answer_is_counted_by_recipe_outcome_and_tenant() -> None:
    metrics = Metrics()
    metrics.observed(seen(cited=0.5), {"retrieve": 20.0})
    metrics.observed(seen(outcome="abstained", passages=0, evidence=0.0, first_token_ms=None, cited=None), {})
    metrics.observed(seen(outcome="failed", evidence=None, total_ms=9e6, first_token_ms=None, cited=None), {})
    text = page(metrics)
    for outcome in ("answered", "abstained", "failed"):
        assert value(text, f'tandem_answers_total{{outcome="{outcome}",recipe="rag"}}') == 1
        assert value(text, f'tandem_tenant_answers_total{{outcome="{outcome}",tenant="acme"}}') == 1
    assert value(text, 'tandem_searches_total{outcome="empty",recipe="rag"}') == 1
    assert value(text, 'tandem_searches_total{outcome="found",recipe="rag"}') == 1
    assert value(text, 'tandem_first_token_seconds_bucket{le="0.5",recipe="rag"}') == 1
    assert value(text, 'tandem_first_token_seconds_bucket{le="0.3",recipe="rag"}') == 0
    assert value(text, 'tandem_answer_seconds_count{recipe="rag"}') == 2, (
        "how long a failure took is no duration"
    )
    assert value(text, 'tandem_cited_share_sum{recipe="rag"}') == 0.5
    assert value(text, 'tandem_tokens_total{direction="in",recipe="rag"}') == 300
    assert value(text, 'tandem_step_seconds_count{step="retrieve"}') == 1


def test_what_nobody_saw_is_not_counted() -> None:
    metrics = Metrics()
    metrics.observed(seen(shadow=True), {})
    assert "tandem_answers_total{" not in page(metrics)


def test_a_hundred_thousand_tenants_and_ids_make_no_more_series_than_a_few() -> None:
    metrics = Metrics(recipes=20, tenants=20)
    steps = dict.fromkeys(("condense", "retrieve", "evidence", "assemble", "generate", "total"), 1.0)
    metrics.observed(USUAL, steps)
    for number in range(99_999):
        recipe = f"recipe-{number % 5_000}@{number:012x}"
        metrics.answers.observed(replace(USUAL, tenant=f"tenant-{number}", recipe=recipe))
    metrics.watched.show_recipes(Figures(f"r-{n}@1", 1, quality=Moments(1, 1, 1)) for n in range(5_000))
    metrics.watched.show_interventions({}, degraded=False, retraining=0)
    metrics.watched.show_alerts([], NOW, 0)
    text = page(metrics)
    assert len(series(text)) <= MOST_SERIES
    total = sum(
        float(line.rpartition(" ")[2])
        for line in series(text)
        if line.startswith("tandem_tenant_answers_total{")
    )
    assert total == 100_000, "what is not told apart is counted all the same"


def test_a_tenant_that_loses_its_label_leaves_no_series() -> None:
    metrics = Metrics(tenants=1)
    metrics.observed(seen(tenant="first"), {})
    for _ in range(3):
        metrics.observed(seen(tenant="second"), {})
    text = page(metrics)
    assert 'tenant="first"' not in text
    assert value(text, 'tandem_tenant_answers_total{outcome="answered",tenant="second"}') == 1
    assert value(text, 'tandem_tenant_answers_total{outcome="answered",tenant="other"}') == 2


def test_the_gauges_say_what_the_store_knows_and_forget_what_is_over() -> None:
    metrics = Metrics()
    versions = [
        Figures("rag@a", 9, quality=Moments(2, 1.0, 0.5), liked=3, disliked=1),
        Figures("rag@b", 1, quality=Moments(2, 2.0, 2.0)),
    ]
    metrics.watched.show_recipes(versions)
    metrics.watched.show_alerts([ALERT], NOW + timedelta(seconds=1), 2)
    metrics.watched.show_interventions({("rollback", "done"): 1}, degraded=True, retraining=1)
    text = page(metrics)
    assert value(text, 'tandem_quality{recipe="rag"}') == 0.75
    assert value(text, 'tandem_feedback_votes{recipe="rag",verdict="up"}') == 3
    assert value(text, 'tandem_alerts{severity="critical",state="firing"}') == 1
    assert value(text, 'tandem_alert_firing{rule="r"}') == 1
    assert value(text, 'tandem_interventions{kind="rollback",state="done"}') == 1
    assert value(text, "tandem_forced_degraded") == 1
    assert value(text, "tandem_alerts_undelivered") == 2
    metrics.watched.show_recipes([])
    metrics.watched.show_alerts([], None, 0)
    text = page(metrics)
    assert "tandem_quality{" not in text
    assert "tandem_alert_firing{" not in text
    assert value(text, 'tandem_alerts{severity="critical",state="firing"}') == 0
