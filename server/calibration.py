"""The calibration: how features of the evidence become the probability that the passages hold the answer.

A logistic regression. The file that Tandem brings was fitted by `python -m bench.evidence`; `tandem
calibrate` fits one on a user's own questions, and the setting `answer.calibration` names it.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from math import exp
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from server.word_counts import WordCounts
from tandem.errors import SettingsError

FEATURES = (
    "top_cosine",
    "mean_cosine",
    "cosine_gap",
    "covered",
    "covered_best",
    "covered_first",
    "covered_together",
    "named_missing",
    "pairs_found",
    "legs_agree",
    "same_document",
    "titled",
    "words",
    "figure_missing",
    "score",
    "score_lead",
    "bm25",
    "rarity",
    "rarest",
    "rare_missing",
    "explained",
    "explained_surprising",
)
"""Names, in the order in which `server.answering.evidence_features` gives the values."""

OF_SCORES = ("score", "score_lead", "bm25")
"""Those whose size depends on what scores the passages."""

OF_WORDS = ("rarity", "rarest", "rare_missing")
"""Those that need to know how many texts of the corpus have a word."""

OF_MODEL = ("explained", "explained_surprising")
"""Those that a language model is asked for."""

_BUNDLED = Path(__file__).with_name("calibration.json")
FURTHEST = 3.0
"""Standard deviations at which a feature is cut off: beyond them nothing was seen when it was fitted."""


class Explained(NamedTuple):
    """How much of what a question says a passage explains to a model; shares, at most 1, below 0 where it misleads."""

    whole: float
    """Of the question."""
    surprising: float
    """Of those of its tokens that surprise the model where it sees no passage."""


NOT_ASKED = Explained(0.0, 0.0)
"""Of a question that no model was asked about; a calibration that weighs it has means of its own."""


class Calibration(BaseModel):
    """Coefficients for standardised features, all in the order of `features`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    fitted_on: str = Field(description="For people: which questions, how many.")
    embedder: str = Field(description="Fingerprint of the embedder whose cosines were seen.")
    scored_by: str = Field(
        "",
        description="What scored the passages, `RetrievalProfile.scored_by`; empty where scores do not count.",
    )
    words: WordCounts | None = Field(
        None, description="In how many texts a word is; none where the rarity of words does not count."
    )

    model: str = Field(
        "",
        description="Model of the engine that says how likely a question is; empty where that does not count.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.features != FEATURES:
            raise ValueError("it was fitted for other features than this version of Tandem computes")
        if {len(self.mean), len(self.scale), len(self.weights)} != {len(self.features)}:
            raise ValueError("it needs a mean, a scale and a weight for each feature")
        if min(self.scale) <= 0:
            raise ValueError("a scale must be above zero")
        if not self.scored_by and any(self.weights[FEATURES.index(name)] for name in OF_SCORES):
            raise ValueError("it weighs scores, and does not say what scored the passages")
        if self.words is None and any(self.weights[FEATURES.index(name)] for name in OF_WORDS):
            raise ValueError("it weighs the rarity of words, and does not say in how many texts they are")
        if not self.model and any(self.weights[FEATURES.index(name)] for name in OF_MODEL):
            raise ValueError("it weighs how likely a model finds the question, and does not say which model")
        return self

    @property
    def digest(self) -> str:
        """First 12 hex digits of the SHA-256 over all that decides a probability."""
        deciding = self.model_dump_json(exclude={"fitted_on", "embedder"})
        return sha256(deciding.encode()).hexdigest()[:12]

    def where_scored_by(self, scored_by: str) -> "Calibration":
        """Itself; or the bundled one, which looks at no score, where it was fitted to other scores than these."""
        return self if self.scored_by in ("", scored_by) else bundled_calibration()

    @property
    def usually_explained(self) -> Explained:
        """What stands in where the model was not asked, or did not say: it moves no probability."""
        return Explained(*(self.mean[FEATURES.index(name)] for name in OF_MODEL))

    def probability(self, values: Sequence[float]) -> float:
        """That the passages hold the answer, in (0, 1), for values in the order of `features`."""
        terms = zip(self.weights, values, self.mean, self.scale, strict=True)
        logit = self.bias + sum(
            weight * max(-FURTHEST, min(FURTHEST, (value - mean) / scale))
            for weight, value, mean, scale in terms
        )
        return 1 / (1 + exp(-logit))


@cache
def bundled_calibration() -> Calibration:
    """The one that comes with Tandem, for its default embedder."""
    return Calibration.model_validate_json(_BUNDLED.read_bytes())


def read_calibration(file: Path | None) -> Calibration:
    """The calibration of a file, or the bundled one. Raises `SettingsError` for a file that is none."""
    if file is None:
        return bundled_calibration()
    try:
        return Calibration.model_validate_json(file.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"answer.calibration: {file} cannot be read: {error.strerror}",
            param="answer.calibration",
            hint="Make one with `tandem calibrate`.",
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SettingsError(
            f"answer.calibration: {file}: {place + ': ' if place else ''}"
            f"{first['msg'].removeprefix('Value error, ')}",
            param="answer.calibration",
            hint="Make a new one with `tandem calibrate`.",
        ) from error


def mismatch(calibration: Calibration, embedder: str, scored_by: str, model: str) -> str | None:
    """What to say where it was fitted to another retrieval or model than this; `None` where not.

    With another embedder it still serves: words weigh more in it than cosines. With another model it serves, too,
    and no model is asked. Where passages are scored in another way, Tandem's own serves in its place.
    """
    if calibration.scored_by not in ("", scored_by):
        return (
            f"The evidence was calibrated with passages that {calibration.scored_by!r} scored, and here it is "
            f"{scored_by!r}: Tandem's own calibration serves until `tandem calibrate` has fitted it anew"
        )
    if calibration.model not in ("", model):
        return (
            f"The evidence was calibrated with what {calibration.model!r} says of a question, and the engine has "
            f"{model!r}: it is judged without, until `tandem calibrate --likelihood` has fitted it anew"
        )
    if calibration.embedder == embedder:
        return None
    return (
        f"The evidence was calibrated with another embedder ({calibration.embedder or 'unknown'}) than the "
        f"index has ({embedder}): its probability is off until `tandem calibrate` has fitted it anew"
    )


def write_calibration(calibration: Calibration, file: Path) -> None:
    """Write it as JSON, whole or not at all. Raises `OSError`."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_text(calibration.model_dump_json(indent=1) + "\n", encoding="utf-8")
    fresh.replace(file)
