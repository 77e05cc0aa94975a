"""The registered eval sets: immutable versions in the store."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from eval.case import EvalCase
from eval.sets.checking import check_cases, check_set_name, check_words, split_set_ref
from eval.sets.eval_set import EvalSet, EvalSetSummary
from eval.sets.hashing import case_fields, hash_of_cases
from tandem.errors import InvalidRequestError, StorageError
from tandem.store import EvalSetRow, EvalSetUse, Store

_cases = TypeAdapter(list[EvalCase])


class EvalSets:
    """Eval sets by `NAME@NUMBER`, or `NAME` for the newest version."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, ref: str, *, removed: bool = False) -> EvalSet:
        """One version with its cases; with `removed` also one that was removed, as long as a run needs it.

        Raises `NotFoundError`, `InvalidRequestError` for what is no reference, and `StorageError` for cases
        that are not those that were saved.
        """
        row = self._store.eval_set(*split_set_ref(ref), removed=removed)
        try:
            cases = tuple(_cases.validate_json(row.cases or ""))
        except ValidationError as error:
            raise _changed(row) from error
        if hash_of_cases(cases) != row.hash:
            raise _changed(row)
        return EvalSet(**_facts(row), cases=cases)

    def save(
        self,
        name: str,
        cases: Sequence[EvalCase],
        *,
        description: str = "",
        note: str = "",
        author: str = "",
        origin: Mapping[str, Any] | None = None,
    ) -> tuple[EvalSet, bool]:
        """The newest version, and whether it was made just now: cases that are its already make none.

        Raises `InvalidRequestError` for a bad name, no case, or an id that is there twice.
        """
        check_set_name(name)
        check_words(description=description, note=note, author=author)
        checked = check_cases(cases)
        try:
            facts = json.loads(json.dumps(dict(origin or {}), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InvalidRequestError(f"origin cannot be kept: {error}", param="origin") from error
        row, new = self._store.save_eval_set(
            name,
            digest=hash_of_cases(checked),
            # Escaped, so that every database keeps each character as it is.
            cases=json.dumps([case_fields(case) for case in checked]),
            count=len(checked),
            description=description,
            note=note,
            author=author,
            origin=facts,
        )
        return (
            EvalSet(**_facts(row), cases=tuple(checked)) if new else self.get(f"{name}@{row.number}")
        ), new

    def uses(self, name: str, number: int | None = None) -> list[EvalSetUse]:
        """What a removal of one version, or of all, would take. Raises `NotFoundError`."""
        return self._store.eval_set_uses(name, number)

    def remove(self, name: str, number: int | None = None) -> list[EvalSetUse]:
        """Remove one version, or all; runs that asked them keep their figures.

        Raises `NotFoundError`, and `ConflictError` while such a run is under way.
        """
        return self._store.remove_eval_set(name, number)

    def versions(self, name: str | None = None) -> list[EvalSetSummary]:
        """All versions by name, the newest first, without their cases. Raises `NotFoundError` for a name."""
        return [EvalSetSummary(**_facts(row)) for row in self._store.eval_sets(name)]


def _facts(row: EvalSetRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "number": row.number,
        "hash": row.hash,
        "count": row.count,
        "description": row.description,
        "note": row.note,
        "author": row.author,
        "created_at": row.created_at,
        "origin": row.origin,
    }


def _changed(row: EvalSetRow) -> StorageError:
    return StorageError(
        f"The eval set {row.name}@{row.number} is not what was saved: its cases do not have its hash",
        hint="Somebody has changed the database; restore it from a backup.",
    )
