"""Prometheus metrics of one server process. Labels are few and bounded: recipes, steps, outcomes."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from server.monitoring.answers import AnswerMetrics
from server.monitoring.watched import WatchedMetrics
from tandem.breaker import BreakerState
from tandem.store import Observation

_BREAKER = {BreakerState.CLOSED: 0.0, BreakerState.HALF_OPEN: 0.5, BreakerState.OPEN: 1.0}
_STEP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """All metrics, in a registry of their own so that two servers in one process do not mix."""

    def __init__(self, *, recipes: int = 20, tenants: int = 20) -> None:
        """Most recipes and tenants that are labels."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.answers = AnswerMetrics(self.registry, recipes=recipes, tenants=tenants)
        self.watched = WatchedMetrics(self.registry, recipes=recipes)
        self._errors = Counter(
            "tandem_errors", "Requests that ended in an error, by type.", ["type"], registry=self.registry
        )
        self._steps = Histogram(
            "tandem_step_seconds",
            "Duration of a step of an answer.",
            ["step"],
            buckets=_STEP_BUCKETS,
            registry=self.registry,
        )
        self._cache = Counter(
            "tandem_cache",
            "Questions looked up in the answer cache, by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self._rerankings = Counter(
            "tandem_rerankings",
            "Rerankings by outcome: done, late, failed.",
            ["outcome"],
            registry=self.registry,
        )
        self._adapters = Gauge(
            "tandem_adapters_loaded", "Registered adapters loaded at the engine.", registry=self.registry
        )
        self._adapter_loads = Counter(
            "tandem_adapter_loads",
            "Loads of registered adapters by outcome: loaded, refused, failed.",
            ["outcome"],
            registry=self.registry,
        )
        self._adapter_seconds = Histogram(
            "tandem_adapter_load_seconds",
            "Time from a load's begin, hashes and all, until the adapter can be asked.",
            buckets=_STEP_BUCKETS,
            registry=self.registry,
        )
        self._degraded = Counter(
            "tandem_degraded",
            "Answers of passages alone, by why the engine did not write.",
            ["reason"],
            registry=self.registry,
        )
        self._traces_lost = Counter(
            "tandem_traces_lost",
            "Traces and observations that the store did not take.",
            registry=self.registry,
        )
        self._breakers = {
            part: Gauge(
                f"tandem_{part}_breaker",
                f"0 when the {part} is asked, 1 when it is left alone, 0.5 when one call tries it.",
                registry=self.registry,
            )
            for part in ("engine", "search")
        }
        self._engine_ready = Gauge("tandem_engine_ready", "1 when the engine serves.", registry=self.registry)

    def observed(self, observation: Observation, timings: Mapping[str, float]) -> None:
        """Count one answer; `timings` in milliseconds per step."""
        self.answers.observed(observation)
        for step, milliseconds in timings.items():
            self._steps.labels(step).observe(milliseconds / 1000)

    def degraded(self, reason: str) -> None:
        """Count one answer of passages alone."""
        self._degraded.labels(reason).inc()

    def trace_lost(self) -> None:
        """Count one trace, or one observation of a failure, that was not kept."""
        self._traces_lost.inc()

    def looked_up(self, outcome: str) -> None:
        """Count one question that was looked up in the answer cache: `exact`, `similar` or `missed`."""
        self._cache.labels(outcome).inc()

    def reranked(self, outcome: str) -> None:
        """Count one reranking, `done`, `late` or `failed`."""
        self._rerankings.labels(outcome).inc()

    def adapter_loading(self, outcome: str, seconds: float) -> None:
        """Count one load of an adapter, `loaded`, `refused` (its own fault) or `failed`."""
        self._adapter_loads.labels(outcome).inc()
        if outcome == "loaded":
            self._adapter_seconds.observe(seconds)

    def adapters_loaded(self, count: int) -> None:
        """Tell how many adapters are loaded now."""
        self._adapters.set(count)

    def failed(self, error_type: str) -> None:
        """Count one request that ended in an error of the tree."""
        self._errors.labels(error_type).inc()

    def page(self, *, engine_ready: bool, breakers: Mapping[str, BreakerState]) -> bytes:
        """The page for `/metrics`, in the text format."""
        for part, gauge in self._breakers.items():
            gauge.set(_BREAKER[breakers.get(part, BreakerState.CLOSED)])
        self._engine_ready.set(engine_ready)
        return generate_latest(self.registry)
