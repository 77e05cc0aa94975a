"""Prometheus metrics of one server process. Labels are few and bounded: recipes, steps, outcomes."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from server.monitoring.answers import AnswerMetrics
from server.monitoring.watched import WatchedMetrics
from tandem.breaker import BreakerState
from tandem.engine import EngineState
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
        self._admission_running = Gauge(
            "tandem_admission_running", "Questions at the engine.", registry=self.registry
        )
        self._admission_queued = Gauge(
            "tandem_admission_queued",
            "Questions that wait for the engine, by class: interactive, background.",
            ["class"],
            registry=self.registry,
        )
        self._admission_wait = Histogram(
            "tandem_admission_wait_seconds",
            "How long a question waited for the engine, by class.",
            ["class"],
            buckets=_STEP_BUCKETS,
            registry=self.registry,
        )
        self._refused = Counter(
            "tandem_refused",
            "Requests refused by a limit, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self._cut = Counter(
            "tandem_connections_cut",
            "Connections cut, by reason: slow_reader, slow_sender.",
            ["reason"],
            registry=self.registry,
        )
        self._foreign_hits = Counter(
            "tandem_foreign_hits",
            "Hits of other tenants that the index returned; they were dropped. It should stay 0.",
            registry=self.registry,
        )
        self._unserved = Counter(
            "tandem_experiment_unserved",
            "Answers that the champion gave because a challenger could not be asked.",
            registry=self.registry,
        )
        self._shadows = Counter(
            "tandem_shadow_answers",
            "Shadow answers by outcome: answered, failed, dropped.",
            ["outcome"],
            registry=self.registry,
        )
        self._unkept = Counter(
            "tandem_unkept_answers",
            "Answers to questions that test Tandem, which leave no trace and count nowhere else.",
            registry=self.registry,
        )
        self._outside = Counter(
            "tandem_questions_outside",
            "Questions from outside the domain, by the recipe that was to answer.",
            ["recipe"],
            registry=self.registry,
        )
        self._drift = Gauge(
            "tandem_drift_statistic",
            "How far a series is from its reference: the largest of the newest looks at any tenant.",
            ["series"],
            registry=self.registry,
        )
        self._drift_alarm = Gauge(
            "tandem_drift_alarm",
            "1 when the newest look at any tenant says that the series has changed.",
            ["series"],
            registry=self.registry,
        )
        self._replicas = Gauge(
            "tandem_engine_replicas",
            "Replicas of the engine, by state: starting, ready, restarting, failed, stopped.",
            ["state"],
            registry=self.registry,
        )
        self._passed_on = Counter(
            "tandem_engine_passed_on",
            "Questions that went to another replica than the first of their order, by reason: busy, lacking, failed.",
            ["reason"],
            registry=self.registry,
        )
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

    def watch_admission(
        self,
        *,
        running: Callable[[], int],
        queued: Callable[[], int],
        queued_background: Callable[[], int],
    ) -> None:
        """Tell of whom to ask, when the page is read, how many are at the engine and how many wait."""
        self._admission_running.set_function(running)
        self._admission_queued.labels("interactive").set_function(queued)
        self._admission_queued.labels("background").set_function(queued_background)

    def admitted(self, waited_s: float, *, background: bool) -> None:
        """Count one turn at the engine, after a wait in seconds."""
        self._admission_wait.labels("background" if background else "interactive").observe(waited_s)

    def refused(self, reason: str) -> None:
        """Count one request that a limit refused, such as `queue_full` or `key_requests`."""
        self._refused.labels(reason).inc()

    def connection_cut(self, reason: str) -> None:
        """Count one connection that was cut, `slow_reader` or `slow_sender`."""
        self._cut.labels(reason).inc()

    def adapters_loaded(self, count: int) -> None:
        """Tell how many adapters are loaded now."""
        self._adapters.set(count)

    def foreign_hits(self, count: int) -> None:
        """Count hits of other tenants, which were dropped."""
        self._foreign_hits.inc(count)

    def unserved(self) -> None:
        """Count one answer that the champion gave because a challenger could not be asked."""
        self._unserved.inc()

    def shadowed(self, outcome: str) -> None:
        """Count one shadow answer, `answered` or `failed`, or one that was `dropped`."""
        self._shadows.labels(outcome).inc()

    def unkept(self) -> None:
        """Count one answer that leaves no trace, as a request wanted."""
        self._unkept.inc()

    def outside(self, recipe: str) -> None:
        """Count one question from outside the domain, by the name of the recipe that was to answer."""
        self._outside.labels(recipe).inc()

    def drifted(self, series: str, statistic: float, alarm: bool) -> None:
        """Tell what the newest looks at a series have found."""
        self._drift.labels(series).set(statistic)
        self._drift_alarm.labels(series).set(alarm)

    def failed(self, error_type: str) -> None:
        """Count one request that ended in an error of the tree."""
        self._errors.labels(error_type).inc()

    def passed_on(self, reason: str) -> None:
        """Count one question that went to another replica than the first: `busy`, `lacking` or `failed`."""
        self._passed_on.labels(reason).inc()

    def page(
        self,
        *,
        engine_ready: bool,
        breakers: Mapping[str, BreakerState] | None = None,
        replicas: Mapping[str, int] | None = None,
    ) -> bytes:
        """The page for `/metrics`, in the text format; `replicas` counts those of the engine, by their state."""
        for state in EngineState:
            self._replicas.labels(state.value).set((replicas or {}).get(state.value, 0))
        for part, gauge in self._breakers.items():
            gauge.set(_BREAKER[(breakers or {}).get(part, BreakerState.CLOSED)])
        self._engine_ready.set(engine_ready)
        return generate_latest(self.registry)
