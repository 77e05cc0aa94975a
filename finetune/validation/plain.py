"""Plain questions that have nothing to do with the user's documents: what did the model forget?

Fine-tuning on a narrow task can cost what a model could do before (McCloskey and Cohen, Catastrophic Interference in
Connectionist Networks, 1989; for LoRA see Biderman et al., LoRA Learns Less and Forgets Less, TMLR 2024). The
questions stand in `plain_questions.jsonl`; each has patterns of which a right answer matches one, without regard to
letter case.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field, field_validator

from finetune.validation.scores import normalised, overlap_f1
from tandem.resampling import Estimate, bootstrap_difference, bootstrap_mean


class PlainQuestion(BaseModel):
    """One question, and how to tell whether an answer is right."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    kind: str
    question: str = Field(min_length=1)
    accept: tuple[str, ...] = Field(min_length=1)
    """Regular expressions, of which one is to be found in the answer."""
    reject: tuple[str, ...] = ()
    """Regular expressions, of which none may be."""

    @field_validator("accept", "reject")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            re.compile(pattern)
        return patterns

    def is_right(self, answer: str) -> bool:
        """Whether an answer is accepted. One that only says the question again never is."""
        if normalised(answer) == normalised(self.question):
            return False
        accepted = any(re.search(pattern, answer.strip(), re.I) for pattern in self.accept)
        return accepted and not any(re.search(pattern, answer.strip(), re.I) for pattern in self.reject)


@dataclass(frozen=True, slots=True)
class KindKept:
    """Right answers of one kind of question."""

    questions: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What a model without and with an adapter answers to the same plain questions; shares in [0, 1]."""

    questions: int
    before: Estimate
    """Share of right answers without the adapter."""
    after: Estimate
    difference: Estimate
    """After less before, over the same questions: negative where something was forgotten."""
    same_verdict: float
    """Share of questions where both are right or both are wrong."""
    alike: Estimate
    """Token F1 of the two answers."""
    lost: tuple[str, ...]
    """Ids of what was right before and is wrong now."""
    gained: tuple[str, ...]
    kinds: dict[str, KindKept]


def plain_questions() -> list[PlainQuestion]:
    """Those that come with Tandem."""
    text = files("finetune.validation").joinpath("plain_questions.jsonl").read_text("utf-8")
    return [PlainQuestion.model_validate_json(line) for line in text.splitlines()]


def forgetting(questions: Sequence[PlainQuestion], before: Sequence[str], after: Sequence[str]) -> Forgetting:
    """Compare the answers, one each to each question. Raises `ValueError` for none, or lists of unequal length."""
    was = [one.is_right(answer) for one, answer in zip(questions, before, strict=True)]
    is_now = [one.is_right(answer) for one, answer in zip(questions, after, strict=True)]
    judged = list(zip(questions, was, is_now, strict=True))
    kinds = dict.fromkeys(one.kind for one in questions)
    return Forgetting(
        questions=len(judged),
        before=bootstrap_mean([float(right) for right in was]),
        after=bootstrap_mean([float(right) for right in is_now]),
        difference=bootstrap_difference([float(one) for one in is_now], [float(one) for one in was]),
        same_verdict=sum(one == other for _, one, other in judged) / len(judged),
        alike=bootstrap_mean([_alike(one, other) for one, other in zip(before, after, strict=True)]),
        lost=tuple(one.id for one, right, still in judged if right and not still),
        gained=tuple(one.id for one, right, now in judged if now and not right),
        kinds={
            kind: KindKept(
                questions=sum(one.kind == kind for one, _, _ in judged),
                before=sum(right for one, right, _ in judged if one.kind == kind),
                after=sum(right for one, _, right in judged if one.kind == kind),
            )
            for kind in kinds
        },
    )


def _alike(one: str, other: str) -> float:
    return overlap_f1(normalised(one).split(), normalised(other).split())
