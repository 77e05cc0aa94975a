"""A successor of an adapter: a new set, a new training, and the gate before it takes the place of the old one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from finetune.validation.gate import Bounds, Verdict, gate
from finetune.validation.outcome import Outcome
from tandem.adapters import AdapterVersion

CANDIDATE, CHAMPION = "candidate", "champion"


@dataclass(frozen=True, slots=True)
class MadeSet:
    """A training set of everything that is known by now."""

    folder: Path
    data_hash: str
    new_documents: int
    """Documents that were read after the current version was trained: their passages stand in the prompts."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of it. Without a candidate there was nothing new to learn."""

    current: AdapterVersion
    made: MadeSet
    candidate: AdapterVersion | None = None
    verdict: Verdict | None = None

    @property
    def promoted(self) -> bool:
        """Whether the candidate is the champion now."""
        return self.verdict is not None and self.verdict.promoted


class Steps(Protocol):
    """What a refresh is made of. A step that was done before an interruption gives what it came to then."""

    def current(self) -> AdapterVersion:
        """The version with the tag `champion`, or else the newest. Raises `NotFoundError`."""
        ...

    def make_set(self, current: AdapterVersion) -> MadeSet:
        """A set of the same kind as before, without what is held out. Raises `TooFewExamplesError`."""
        ...

    def successor(self, current: AdapterVersion, made: MadeSet) -> AdapterVersion | None:
        """The version after the current one that was trained on this very set, where there is one already."""
        ...

    def train(self, current: AdapterVersion, made: MadeSet) -> Path:
        """The folder of a finished training, made as the current version was. Raises `TrainingFailedError`."""
        ...

    def register(self, run: Path, current: AdapterVersion, made: MadeSet) -> AdapterVersion:
        """The training's folder as the next version of the same name."""
        ...

    def validate(
        self, candidate: AdapterVersion, current: AdapterVersion
    ) -> tuple[Sequence[Outcome], Sequence[Outcome]]:
        """Both asked the same held-out questions, with and without their documents: the candidate's outcomes first."""
        ...

    def tag(self, version: AdapterVersion, tag: str, reason: str, *, after: AdapterVersion) -> None:
        """Move a tag. `champion` only if it is still where it was when this began. Raises `ConflictError`."""
        ...


def refresh(steps: Steps, bounds: Bounds, tell: Callable[[str], None]) -> Refreshed:
    """Train a successor of the current version, and let it serve only if the gate passes.

    Nothing is registered before a training has come to its end. A candidate that is worse stays registered, with the
    tag `candidate` and without `champion`: that it was tried is worth knowing. Raises what the steps raise.
    """
    current = steps.current()
    tell(f"The current version is {current.ref}, of {current.created_at:%Y-%m-%d %H:%M}")
    made = steps.make_set(current)
    if made.data_hash == current.facts.data_hash:
        tell(f"Nothing new: {current.ref} was trained on this very set")
        return Refreshed(current, made)
    tell(f"A new set, {made.data_hash[:12]}; {made.new_documents} documents were read since {current.ref}")
    candidate = steps.successor(current, made)
    if candidate is None:
        candidate = steps.register(steps.train(current, made), current, made)
    else:
        tell(f"{candidate.ref} was trained on this set before")
    steps.tag(candidate, CANDIDATE, f"refreshed from {current.ref}", after=current)
    tell(f"Validating {candidate.ref} beside {current.ref}")
    ours, theirs = steps.validate(candidate, current)
    verdict = gate(ours, theirs, bounds)
    if verdict.promoted:
        steps.tag(candidate, CHAMPION, "; ".join(verdict.reasons), after=current)
    return Refreshed(current, made, candidate, verdict)
