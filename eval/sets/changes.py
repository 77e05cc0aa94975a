"""In what two versions of an eval set differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.case import EvalCase
from eval.sets.hashing import canonical


@dataclass(frozen=True, slots=True)
class SetChanges:
    """By the ids of the cases, each in the order of its set."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, tuple[str, ...]]
    """Id to the names of the fields that differ."""
    same: int
    """Cases in which nothing differs."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def changes_between(old: Sequence[EvalCase], new: Sequence[EvalCase]) -> SetChanges:
    """What is to be done to the old cases for them to become the new ones; an id names a case."""
    before, after = ({case.id: case for case in cases} for cases in (old, new))
    changed = {
        number: _fields(before[number], case)
        for number, case in after.items()
        if number in before and canonical(before[number]) != canonical(case)
    }
    return SetChanges(
        added=tuple(number for number in after if number not in before),
        removed=tuple(number for number in before if number not in after),
        changed=changed,
        same=len(before.keys() & after.keys()) - len(changed),
    )


def joined(old: Sequence[EvalCase], new: Sequence[EvalCase]) -> list[EvalCase]:
    """The old cases and the new ones; where both have an id, the new one's case in its place."""
    return list(({case.id: case for case in old} | {case.id: case for case in new}).values())


def _fields(before: EvalCase, after: EvalCase) -> tuple[str, ...]:
    return tuple(name for name in EvalCase.model_fields if getattr(before, name) != getattr(after, name))
