"""Whether a run can be gone on with: all that it was begun with must be as it was."""

import httpx

from eval.running.corpora import corpora_of
from eval.running.facts import RunFacts
from eval.running.plan import Plan
from eval.sets import EvalSet, EvalSets
from finetune.validation.over_http import saved_recipe
from tandem.errors import ConflictError, NotFoundError
from tandem.store import Store

_ANEW = "Begin another run; what this one has stays, and `tandem eval show` reports it as partial."


def plan_of(facts: RunFacts, store: Store) -> Plan:
    """The plan that the run was begun with. Raises as `set_of`."""
    cases = {case.id: case for case in set_of(facts, store).cases}
    return Plan(facts, tuple(cases[one] for one in facts.eval_set.cases))


def set_of(facts: RunFacts, store: Store) -> EvalSet:
    """The set of a run. Raises `NotFoundError`, and `ConflictError` where it has other cases now."""
    known = facts.eval_set
    found = EvalSets(store).get(f"{known.name}@{known.number}", removed=True)
    if found.hash != known.hash:
        raise ConflictError(
            f"The eval set {found.ref} of this store has other cases than the run was begun with", param="run"
        )
    return found


async def check_unchanged(facts: RunFacts, http: httpx.AsyncClient, store: Store) -> None:
    """Raises `ConflictError` where a recipe or a corpus is not as it was when the run began."""
    for arm in facts.arms:
        try:
            await saved_recipe(arm.recipe, http)
        except NotFoundError as error:
            raise ConflictError(
                f"The arm {arm.name} was {arm.recipe}, which this server does not have any more",
                param="run",
                hint=_ANEW,
            ) from error
    searching = any(arm.retrieves for arm in facts.arms)
    now = corpora_of(store, [one.name for one in facts.corpora], searching=searching)
    for before, after in zip(facts.corpora, now, strict=True):
        if searching and before.version != after.version:
            raise ConflictError(
                f"The corpus {before.name} has changed since the run began: it had {before.documents} documents "
                f"in {before.chunks} chunks, and has {after.documents} in {after.chunks}",
                param="run",
                hint=_ANEW,
            )
