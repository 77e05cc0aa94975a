"""What a measure is, and the values that it gave: one a case, with those that failed counted, not dropped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from tandem.resampling import Estimate, bootstrap_mean


class Stage(StrEnum):
    """The part of Tandem that a measure is of."""

    INGESTION = "ingestion"
    RETRIEVAL = "retrieval"
    ASSEMBLY = "assembly"
    GENERATION = "generation"
    CLASSIFICATION = "classification"
    CONSISTENCY = "consistency"
    ROBUSTNESS = "robustness"
    COST = "cost"


Need = Literal["references", "documents", "label", "judge", "embedder", "passages", "paraphrases"]
Unit = Literal["share", "score", "seconds", "tokens", "count"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure, as reports name and explain it."""

    name: str
    """In code, files and on the command line, such as `token_f1`."""
    title: str
    """For people, such as "F1 of words"."""
    stage: Stage
    definition: str
    """What it says, in one sentence, with its source."""
    unit: Unit = "share"
    """A `share` or `score` lies in [0, 1]."""
    better: Literal["higher", "lower", "neither"] = "higher"
    needs: frozenset[Need] = frozenset()
    ragas: str | None = None
    """Name of the class of Ragas that gives the number, where one does."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The values of one measure for one arm, by the ids of the cases."""

    measure: Measure
    values: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    """Cases that should have a value and have none, and why. They lower what may be concluded."""
    passed_over: Mapping[str, str] = field(default_factory=dict)
    """Cases that the measure does not ask about, and why, such as no reference."""

    @property
    def wanted(self) -> int:
        """Cases that should have a value."""
        return len(self.values) + len(self.failed)

    @property
    def whole(self) -> bool:
        """Whether every case that should have a value has one: else the mean is of survivors alone."""
        return not self.failed

    def estimate(self) -> Estimate | None:
        """Mean and 95% interval over the cases that have a value; `None` without any. See `whole`."""
        return bootstrap_mean(list(self.values.values())) if self.values else None

    def bounds(self) -> tuple[float, float] | None:
        """The mean if every failed case had been worth 0, and 1: between them lies the truth.

        `None` for what is no share or score, and without cases.
        """
        if self.measure.unit not in ("share", "score") or not self.wanted:
            return None
        total = sum(self.values.values())
        return total / self.wanted, (total + len(self.failed)) / self.wanted
