"""What a comparison found, as a report shows it and a file keeps it. Made of plain data: it goes through JSON."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from eval.measure import Stage, Unit


class _Plain(BaseModel):
    # A figure may be infinite, such as what one case can detect; JSON has no word for it.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Interval(_Plain):
    """A figure with its 95% interval."""

    mean: float
    low: float
    high: float


class MeasureFacts(_Plain):
    """What a reader has to know of a measure; see `eval.measure.Measure`."""

    name: str
    title: str
    stage: Stage
    definition: str
    unit: Unit
    better: Literal["higher", "lower", "neither"]
    ragas: str | None = None


class Figure(_Plain):
    """One measure of one arm."""

    measure: str
    estimate: Interval | None
    """`None` where no case has a value."""
    cases: int
    """With a value."""
    failed: int
    """Without one, though they should have it."""
    bounds: tuple[float, float] | None = None
    """The mean if the failed were worth 0, and 1; only where some failed."""


class Slice(_Plain):
    """The figures of one arm on the cases of one tag."""

    tag: str
    cases: int
    figures: tuple[Figure, ...]


class Cost(_Plain):
    """What answers take and cost."""

    seconds_p50: float
    seconds_p95: float
    first_token_s_p50: float | None
    first_token_s_p95: float | None
    tokens_in: float
    """Mean of an answer, as is the next."""
    tokens_out: float
    tokens_per_s: float
    """Written tokens of all answers that were asked at the same time, over the time that they took."""
    money_per_1000: float | None
    """Of 1,000 answers; `None` where no price is known."""
    money_basis: str
    """How it was reckoned, for people: a price table, an hour of the machine; or what is missing."""
    training_s: float | None = None
    """Of the adapter; `None` for an arm without one."""
    storage_bytes: int | None = None
    """Of what the arm needs beside the model: index, adapter."""
    set_up_s: float | None = None
    """Ingesting and training, until the first answer; `None` where it was not measured."""


class CurvePoint(_Plain):
    """A point of a curve of an arm: coverage and risk, or steps and loss."""

    x: float
    y: float


class Arm(_Plain):
    """One recipe, measured."""

    name: str
    recipe_version: str
    kind: Literal["base", "prompted", "rag", "tuned", "hybrid", "other"]
    """By what it has: retrieval, an adapter, a longer prompt."""
    model: str
    adapter: str | None
    retrieves: bool
    figures: tuple[Figure, ...]
    slices: tuple[Slice, ...]
    cost: Cost
    asked: int
    failed: int
    """Questions without an answer, because of an error."""
    risk_coverage: tuple[CurvePoint, ...] = ()
    """x: share of the questions that are answered, y: share of those answers that are wrong."""
    learning_curve: tuple[CurvePoint, ...] = ()
    """x: step of the training, y: loss on validation."""
    confusion: dict[str, dict[str, int]] = {}
    """Of a set that asks for classes: counts by right class, then by the class that was said ("" for none)."""


class Difference(_Plain):
    """Two arms over the same cases: the first less the second."""

    measure: str
    one: str
    other: str
    slice: str | None = None
    estimate: Interval
    cases: int
    """That both arms have a value for."""
    failed: int = 0
    """That both should have a value for, and one has not."""
    clusters: int | None = None
    """Groups of cases that hang together, such as those of one document; `None` where cases are independent."""
    p_value: float
    """Of a paired permutation test, two-sided."""
    p_adjusted: float
    """The same, corrected for all comparisons of its family (Holm)."""
    detectable: float
    """The smallest true difference that so many cases show in 80 of 100 runs at the level of 5%."""
    needed: int = 0
    """Cases that show the smallest difference that matters in 80 of 100 runs; 0 where there is none that matters."""
    doubtful: bool = False
    """Whether it would be better or worse, but for the failed cases: they could turn it. The verdict is "too few"."""
    verdict: Literal["better", "worse", "no difference seen", "too few"]
    """Of the first arm."""


class Example(_Plain):
    """A case that arms answer differently."""

    case: str
    question: str
    references: tuple[str, ...]
    answers: dict[str, str]
    """By arm."""
    scores: dict[str, float]
    """Of the leading measure, by arm."""
    abstained: tuple[str, ...] = ()
    """Arms that said that they do not know."""


Topic = Literal["choice", "parts", "cost", "unknown", "slices", "next", "limits"]
"""What a sentence is about: which arm to serve; what prompting, retrieval and training bring; what answers take;
what is said when there is no answer; where arms differ by slice; what to do now; what cannot be said."""


class Sentence(_Plain):
    """One sentence of the recommendation, with the figures that it stands on."""

    text: str
    figures: tuple[str, ...]
    """Each as `measure:arm`, `measure:arm-other`, either with `[slice]` behind it, `cost:arm`, `confusion:arm`
    or `set:cases`; a reader can look every one of them up (`eval.report.references`)."""
    topic: Topic = "choice"


class Comparison(_Plain):
    """All of it."""

    title: str
    created: str
    """ISO 8601, UTC."""
    command: str
    run: str
    """Id of the run that it was made of."""
    corpora: dict[str, Any]
    """By name: documents, chunks, version."""
    eval_set: dict[str, Any]
    """name, version, hash, cases, answerable, tags with counts."""
    leading: str
    """Name of the measure that decides."""
    measures: tuple[MeasureFacts, ...]
    arms: tuple[Arm, ...]
    differences: tuple[Difference, ...]
    examples: tuple[Example, ...]
    recommendation: tuple[Sentence, ...] = ()
    warnings: tuple[str, ...] = ()
    """What a reader must know before believing it: a leak that was forced, an unproven judge, failures."""
    made_with: dict[str, Any] = {}
    """Versions, machine, seeds, settings."""
    partial: bool = False
    """Whether the run was ended before all was asked or judged."""
