"""Metrics of answers: by recipe and outcome, and how many of which tenant."""

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary

from server.monitoring.bounding import Largest
from tandem.store import Observation

_FIRST_TOKEN = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30)
"""Seconds: people notice from 0.1 s on, and leave after a few."""
_ANSWER = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
_OUTCOMES = ("answered", "abstained", "degraded", "failed")


class AnswerMetrics:
    """Counts observations. Recipes and tenants are labels only as far as they are among the largest."""

    def __init__(self, registry: CollectorRegistry, *, recipes: int, tenants: int) -> None:
        self._recipes = Largest(recipes, self._drop_recipe)
        self._tenants = Largest(tenants, self._drop_tenant)
        self._answers = Counter(
            "tandem_answers", "Answers by recipe and outcome.", ["recipe", "outcome"], registry=registry
        )
        self._of_tenants = Counter(
            "tandem_tenant_answers",
            "Answers of the largest tenants by outcome.",
            ["tenant", "outcome"],
            registry=registry,
        )
        self._tokens = Counter(
            "tandem_tokens",
            "Tokens read and written by the engine.",
            ["recipe", "direction"],
            registry=registry,
        )
        self._tenant_tokens = Counter(
            "tandem_tenant_tokens",
            "The same of the largest tenants.",
            ["tenant", "direction"],
            registry=registry,
        )
        self._searches = Counter(
            "tandem_searches",
            "Searches by recipe, and whether they found a passage: found, empty.",
            ["recipe", "outcome"],
            registry=registry,
        )
        self._first_token = Histogram(
            "tandem_first_token_seconds",
            "From the question until the engine's first token.",
            ["recipe"],
            buckets=_FIRST_TOKEN,
            registry=registry,
        )
        self._seconds = Histogram(
            "tandem_answer_seconds",
            "Duration of a whole answer.",
            ["recipe"],
            buckets=_ANSWER,
            registry=registry,
        )
        self._cited = Summary(
            "tandem_cited_share",
            "Share of an answer's sentences that carry a mark; sum over count is the mean.",
            ["recipe"],
            registry=registry,
        )
        self._by_recipe = (
            (self._answers, _OUTCOMES),
            (self._tokens, ("in", "out")),
            (self._searches, ("found", "empty")),
            (self._first_token, ()),
            (self._seconds, ()),
            (self._cited, ()),
        )

    def observed(self, observation: Observation) -> None:
        """Count one answer; one that nobody saw is not counted."""
        if observation.shadow:
            return
        recipe = self._recipes.label(observation.recipe.partition("@")[0])
        self._answers.labels(recipe, observation.outcome).inc()
        self._tokens.labels(recipe, "in").inc(observation.tokens_in)
        self._tokens.labels(recipe, "out").inc(observation.tokens_out)
        if observation.evidence is not None:
            self._searches.labels(recipe, "found" if observation.passages else "empty").inc()
        if observation.first_token_ms is not None:
            self._first_token.labels(recipe).observe(observation.first_token_ms / 1000)
        if observation.outcome != "failed":
            self._seconds.labels(recipe).observe(observation.total_ms / 1000)
        if observation.cited is not None:
            self._cited.labels(recipe).observe(observation.cited)
        tenant = self._tenants.label(observation.tenant)
        self._of_tenants.labels(tenant, observation.outcome).inc()
        self._tenant_tokens.labels(tenant, "in").inc(observation.tokens_in)
        self._tenant_tokens.labels(tenant, "out").inc(observation.tokens_out)

    def recipe_label(self, recipe: str) -> str:
        """The label of `NAME` or `NAME@VERSION`, without counting it."""
        return self._recipes.known(recipe.partition("@")[0])

    def _drop_recipe(self, name: str) -> None:
        for metric, seconds in self._by_recipe:
            _drop(metric, name, seconds)

    def _drop_tenant(self, name: str) -> None:
        _drop(self._of_tenants, name, _OUTCOMES)
        _drop(self._tenant_tokens, name, ("in", "out"))


def _drop(metric: Counter | Histogram | Summary, name: str, seconds: tuple[str, ...]) -> None:
    """Remove all series of a label; those that are not there are no fault."""
    every: list[tuple[str, ...]] = [(name, second) for second in seconds]
    for labels in every or [(name,)]:
        metric.remove(*labels)
