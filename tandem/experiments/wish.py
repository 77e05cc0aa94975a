"""What somebody wants an experiment to be, and the plan that it becomes."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tandem.errors import InvalidRequestError
from tandem.experiments.assigning import LEAST_FOR_CHAMPION, PLACES, grown
from tandem.recipes import Recipe, RecipeBook, check_served
from tandem.settings import Settings
from tandem.store import Challenger, Guardrail, GuardrailMetric, Metric, Plan, Store

Name = Annotated[str, Field(min_length=1, max_length=64)]

_LOWER_IS_BETTER = frozenset({Metric.ABSTAINED, Metric.FIRST_TOKEN})
_MATTERS = {Metric.FIRST_TOKEN: 100.0}
_SHARES_MATTER = 0.05


class ChallengerWish(BaseModel):
    """A recipe that is tried, and its share of the traffic."""

    model_config = ConfigDict(extra="forbid")
    recipe: str = Field(
        max_length=130, description="`NAME` or `NAME@VERSION`; held at the version that it has now."
    )
    share: float = Field(0.5, ge=0.0001, le=1, description="Share of the users at the start.")
    final: float | None = Field(
        None,
        ge=0.0001,
        le=1,
        description="Share that it is to grow to, and from which on answers decide; `share` by default.",
    )

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.final is not None and self.final < self.share:
            raise ValueError("final is below share: a share only grows")
        return self


class GuardrailWish(BaseModel):
    """A limit that no challenger may break."""

    model_config = ConfigDict(extra="forbid")
    metric: GuardrailMetric
    limit: float = Field(gt=0, description="Milliseconds, or a share below 1.")

    @model_validator(mode="after")
    def _is_a_share(self) -> Self:
        if self.metric is not GuardrailMetric.P95_LATENCY and self.limit >= 1:
            raise ValueError(f"the limit of {self.metric.value} is a share, below 1")
        return self


class ExperimentWish(BaseModel):
    """An experiment to write down. What is not named is as its description says."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern="^[a-z0-9][a-z0-9_-]{0,63}$", description="Small letters, digits, `-` and `_`.")
    challengers: list[ChallengerWish] = Field(min_length=1, max_length=8)
    mode: Literal["split", "shadow"] = Field(
        "split", description="`shadow`: challengers answer too, and nobody sees it."
    )
    unit: Literal["user", "conversation", "request"] = Field(
        "user",
        description="What keeps its recipe: the user, or where the request names none, the conversation, or "
        "where it names none, nothing.",
    )
    tenants: list[Name] | None = Field(None, min_length=1, max_length=1_000, description="All by default.")
    corpora: list[Name] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Only questions that search some of these alone; all questions by default.",
    )
    metric: Metric = Field(Metric.FEEDBACK, description="What decides.")
    direction: Literal["higher", "lower"] | None = Field(
        None, description="What is better; lower for `abstained` and `first_token_ms`, else higher."
    )
    smallest: float | None = Field(
        None, gt=0, description="Effect that matters: 0.05 by default, and 100 for milliseconds."
    )
    guardrails: list[GuardrailWish] = Field(default_factory=list, max_length=4)
    promotes: bool = Field(False, description="Whether a winner becomes the champion by itself.")
    max_days: float = Field(28, gt=0, le=366, description="Days after which it stops, undecided.")
    max_units: int | None = Field(
        None, ge=1, description="Units of all arms after which it stops, undecided; no limit by default."
    )

    @model_validator(mode="after")
    def _says_everything_once(self) -> Self:
        metrics = [one.metric for one in self.guardrails]
        if len(set(metrics)) < len(metrics):
            raise ValueError("a metric has two guardrails")
        if self.mode == "shadow" and GuardrailMetric.NEGATIVE_FEEDBACK in metrics:
            raise ValueError(
                "nobody votes on an answer that nobody sees: no negative_feedback in shadow mode"
            )
        if self.mode == "shadow" and self.promotes:
            raise ValueError("an experiment in shadow mode has no winner to promote")
        return self


def plan_of(wish: ExperimentWish, book: RecipeBook, store: Store, settings: Settings) -> Plan:
    """The plan, its recipes held at their versions.

    Raises `NotFoundError` and `InvalidRequestError` for recipes that are not there or cannot be served, that are the
    same, and for shares that leave the champion nothing.
    """
    recipes = [book.find(one.recipe) for one in wish.challengers]
    for recipe in recipes:
        check_served(recipe, settings.engine, store)
    labels = [label_of(recipe) for recipe in recipes]
    if len(set(labels)) < len(labels):
        raise InvalidRequestError("Two challengers are the same recipe", param="challengers")
    challengers = tuple(
        Challenger(arm, label, one.share, one.final or one.share)
        for arm, label, one in zip(_arms(len(labels)), labels, wish.challengers, strict=True)
    )
    most = most_places(wish.mode)
    grown((), {one.arm: one.final for one in challengers}, most)
    higher = wish.metric not in _LOWER_IS_BETTER if wish.direction is None else wish.direction == "higher"
    return Plan(
        mode=wish.mode,
        challengers=challengers,
        unit=wish.unit,
        metric=wish.metric,
        higher_is_better=higher,
        smallest=wish.smallest or _MATTERS.get(wish.metric, _SHARES_MATTER),
        tenants=tuple(dict.fromkeys(wish.tenants)) if wish.tenants else None,
        corpora=tuple(dict.fromkeys(wish.corpora)) if wish.corpora else None,
        guardrails=tuple(Guardrail(one.metric, one.limit) for one in wish.guardrails),
        promotes=wish.promotes,
        max_days=wish.max_days,
        max_units=wish.max_units,
    )


def label_of(recipe: Recipe) -> str:
    """`NAME@VERSION`, which means this recipe for ever."""
    return f"{recipe.name}@{recipe.version}"


def most_places(mode: str) -> int:
    """How many of the places challengers can have: the champion's answers are seen in any case in shadow mode."""
    return PLACES if mode == "shadow" else PLACES - LEAST_FOR_CHAMPION


def _arms(count: int) -> list[str]:
    return ["challenger", *(f"challenger-{n}" for n in range(2, count + 1))]
