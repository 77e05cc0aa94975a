"""How a draft becomes an eval set: decided on case by case, then saved as the next version."""

from collections.abc import Mapping, Sequence
from typing import Any

from eval.case import EvalCase
from eval.sets.changes import joined
from eval.sets.drafts import Draft
from eval.sets.elsewhere import ORIGIN, marked
from eval.sets.eval_set import EvalSet
from eval.sets.registry import EvalSets
from tandem.errors import ConflictError, InvalidRequestError, NotFoundError


def edited_case(case: EvalCase, changes: Mapping[str, Any]) -> EvalCase:
    """The case with other fields. Its id stays, so that it is known where it comes from."""
    return EvalCase.model_validate(case.model_dump() | dict(changes))


def save_reviewed(draft: Draft, sets: EvalSets, *, author: str, add: bool = False) -> tuple[EvalSet, bool]:
    """The set that the draft becomes, and whether that is a new version; the draft is gone after.

    How it was reviewed is kept with the version. With `add`, the cases join those of the newest version; of a draft of
    `eval.sets.elsewhere` only the marks do. If the process dies in between, the same again makes no second version.

    Raises `ConflictError` while cases wait, `InvalidRequestError` where none was accepted, and `NotFoundError` where the
    set whose cases are to be marked was removed.
    """
    if waiting := len(draft.waiting):
        raise ConflictError(
            f"{waiting} of {len(draft.cases)} cases of the draft {draft.head.draft!r} wait for a review",
            param="name",
            hint=f"tandem eval sets review {draft.head.draft}",
        )
    if not draft.taken:
        raise InvalidRequestError(
            f"Every case of the draft {draft.head.draft!r} was rejected: there is no set to make",
            param="name",
            hint=f"Remove {draft.file}, and have others made.",
        )
    origin = draft.head.origin | {"review": draft.counts, "reviewed_by": author}
    cases: Sequence[EvalCase] = draft.taken
    if draft.head.origin.get("from") == ORIGIN:
        before = sets.get(draft.head.draft)
        cases = marked(before.cases, draft.taken)
        origin |= {"set": before.ref, "before": before.origin}
    elif add and (newest := newest_of(sets, draft.head.draft)):
        cases = joined(newest.cases, draft.taken)
        origin |= {"added_to": newest.ref}
    saved = sets.save(
        draft.head.draft,
        cases,
        description=draft.head.description,
        note=_note(draft),
        author=author,
        origin=origin,
    )
    draft.remove()
    return saved


def newest_of(sets: EvalSets, name: str) -> EvalSet | None:
    """The version that cases are added to; `None` where there is none yet."""
    try:
        return sets.get(name)
    except NotFoundError:
        return None


def _note(draft: Draft) -> str:
    told = ", ".join(f"{many} {what}" for what, many in draft.counts.items())
    return f"Reviewed: {told}"
