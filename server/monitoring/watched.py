"""Gauges of what the store knows: quality, feedback, alerts and interventions. The same on every server."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from tandem.monitoring.alert import Alert
from tandem.monitoring.figures import Figures

_STATES = ("proposed", "due", "acting", "done", "failed", "withheld", "rejected", "undone")
_KINDS = ("rollback", "stop_experiment", "degrade", "retrain")


class WatchedMetrics:
    """Set anew after each look at the store. Over several servers take their maximum, not their sum."""

    def __init__(self, registry: CollectorRegistry, *, recipes: int) -> None:
        self._recipes = recipes
        self._quality = Gauge(
            "tandem_quality", "Mean sampled quality of the live window.", ["recipe"], registry=registry
        )
        self._sampled = Gauge(
            "tandem_quality_answers", "Answers with a sampled quality in it.", ["recipe"], registry=registry
        )
        self._feedback = Gauge(
            "tandem_feedback_votes",
            "Votes on answers of the live window: up, down.",
            ["recipe", "verdict"],
            registry=registry,
        )
        self._alerts = Gauge(
            "tandem_alerts", "Alerts by state and severity.", ["state", "severity"], registry=registry
        )
        self._firing = Gauge(
            "tandem_alert_firing", "1 for each rule that fires.", ["rule"], registry=registry
        )
        self._interventions = Gauge(
            "tandem_interventions", "Interventions by kind and state.", ["kind", "state"], registry=registry
        )
        self._degraded = Gauge(
            "tandem_forced_degraded", "1 while every answer is to be of passages alone.", registry=registry
        )
        self._retraining = Gauge(
            "tandem_retraining_requests", "Open requests to train an adapter anew.", registry=registry
        )
        self._looked = Gauge(
            "tandem_alerts_looked_timestamp_seconds",
            "When the rules were looked at last, by any server, in seconds since 1970.",
            registry=registry,
        )
        self._undelivered = Gauge(
            "tandem_alerts_undelivered", "Notices of alerts that were given up.", registry=registry
        )
        self._deliveries = Counter(
            "tandem_alert_deliveries",
            "Notices of alerts by channel and outcome: sent, put_off, given_up.",
            ["channel", "outcome"],
            registry=registry,
        )

    def delivered(self, channel: str, outcome: str) -> None:
        """Count one try to send a notice."""
        self._deliveries.labels(channel, outcome).inc()

    def show_recipes(self, figures: Iterable[Figures]) -> None:
        """What the window says of each recipe's quality and votes; the recipes with most answers."""
        for gauge in (self._quality, self._sampled, self._feedback):
            gauge.clear()
        by_name: dict[str, list[Figures]] = {}
        for one in figures:
            by_name.setdefault(one.recipe.partition("@")[0], []).append(one)
        for name, versions in list(by_name.items())[: self._recipes]:
            scored = sum(one.quality.n for one in versions)
            if scored:
                self._quality.labels(name).set(sum(one.quality.total for one in versions) / scored)
            self._sampled.labels(name).set(scored)
            self._feedback.labels(name, "up").set(sum(one.liked for one in versions))
            self._feedback.labels(name, "down").set(sum(one.disliked for one in versions))

    def show_alerts(self, alerts: Iterable[Alert], looked: datetime | None, undelivered: int) -> None:
        """The alerts that are pending or firing."""
        self._firing.clear()
        counts = {
            (state, one): 0 for state in ("pending", "firing") for one in ("info", "warning", "critical")
        }
        for alert in alerts:
            counts[alert.state, alert.severity] += 1
            if alert.state == "firing":
                self._firing.labels(alert.rule).set(1)
        for (state, severity), count in counts.items():
            self._alerts.labels(state, severity).set(count)
        if looked is not None:
            self._looked.set(looked.timestamp())
        self._undelivered.set(undelivered)

    def show_interventions(
        self, counts: Mapping[tuple[str, str], int], *, degraded: bool, retraining: int
    ) -> None:
        """What is done about them."""
        for kind in _KINDS:
            for state in _STATES:
                self._interventions.labels(kind, state).set(counts.get((kind, state), 0))
        self._degraded.set(degraded)
        self._retraining.set(retraining)
