"""What is done with an experiment: written down, begun, expanded, stopped, and its winner promoted."""

from collections.abc import Mapping
from typing import Any

from tandem.errors import ConflictError, InvalidRequestError, NotFoundError
from tandem.experiments.assigning import grown, overlaps
from tandem.experiments.wish import ExperimentWish, label_of, most_places, plan_of
from tandem.recipes import RecipeBook, check_served
from tandem.recipes.keeping import set_champion
from tandem.settings import Settings
from tandem.store import Challenger, Experiment, ExperimentState, Slice, Store
from tandem.vocabulary import Caller


def write_down(
    wish: ExperimentWish, book: RecipeBook, store: Store, settings: Settings, by: Caller
) -> Experiment:
    """A draft; no question is answered otherwise for it. Raises as `plan_of`, and `ConflictError`."""
    return store.add_experiment(wish.name, plan_of(wish, book, store, settings), by)


def begin(name: str, book: RecipeBook, store: Store, settings: Settings, by: Caller) -> Experiment:
    """Let a draft run against the recipe that is the champion now. A running server follows within a second.

    Raises `NotFoundError`, `InvalidRequestError` for a recipe that cannot be served any more, and `ConflictError` for
    one that is no draft, that has the champion among its challengers, or whose traffic is another one's.
    """
    change = store.champion_change()
    served = change.label if change else book.initial
    champion = label_of(book.find(served))

    def prepared(draft: Experiment, running: list[Experiment]) -> Mapping[str, Any]:
        _check_free(draft, running)
        for one in draft.plan.challengers:
            check_served(book.find(one.recipe), settings.engine, store)
            if one.recipe == champion:
                raise ConflictError(f"The challenger {one.recipe} is the champion", param="challengers")
        shares = {one.arm: one.share for one in draft.plan.challengers}
        slices = grown((), shares, most_places(draft.plan.mode))
        return {"champion": champion, "served": served, "slices": slices}

    return store.start_experiment(name, prepared, by)


def expand(name: str, shares: Mapping[str, float], store: Store, by: Caller) -> Experiment:
    """Give challengers, by arm, a greater share; whoever has one keeps it.

    Raises `NotFoundError`, `ConflictError` for one that does not run, `InvalidRequestError` for a share that shrinks,
    or is over the final one of the plan, at which answers began to decide.
    """

    def more(running: Experiment) -> tuple[Slice, ...]:
        for arm, share in shares.items():
            challenger = running.challenger(arm)
            if challenger is None:
                arms = ", ".join(one.arm for one in running.plan.challengers)
                raise NotFoundError(f"There is no arm {arm!r}", param="shares", hint=f"There are: {arms}.")
            if share > challenger.final + 1e-9:
                raise InvalidRequestError(
                    f"{arm} was to grow to {challenger.final:.2%}, not {share:.2%}",
                    param="shares",
                    hint="What is decided by must be seen at one share: plan the greatest one as `final`.",
                )
        return grown(running.slices, shares, most_places(running.plan.mode))

    return store.grow_experiment(name, more, by)


def stop(name: str, why: str, store: Store, by: Caller) -> Experiment:
    """End a running one undecided; everybody gets the champion. Raises `NotFoundError`, `ConflictError`."""
    return store.end_experiment(name, ExperimentState.STOPPED, why or "Stopped by hand", by)


def promote(
    name: str, arm: str | None, book: RecipeBook, store: Store, settings: Settings, by: Caller
) -> Experiment:
    """Let the winner, or the challenger of `arm`, be the champion: the one that serves must be the one of the start.

    What is promoted already stays so. Raises `NotFoundError`; `ConflictError` where it has not ended, has no winner
    and no arm is named, or the champion has changed since; `InvalidRequestError` where the engine lacks its model.
    """
    experiment = store.experiment(name)
    challenger = challenger_to_promote(experiment, arm)
    change = store.champion_change()
    # A promotion that was cut off between its two steps is taken up again.
    if change is None or change.label != challenger.recipe:
        reason = f"Experiment {experiment.name}: {experiment.why}"
        set_champion(
            challenger.recipe,
            book,
            store,
            settings,
            author=by.subject,
            reason=reason,
            expected=experiment.served,
        )
    elif experiment.promoted_at is not None:
        return experiment
    return store.note_promotion(experiment.id, challenger.arm, by)


def challenger_to_promote(experiment: Experiment, arm: str | None) -> Challenger:
    """The one that `promote` makes the champion. Raises as that."""
    if experiment.state not in (ExperimentState.DECIDED, ExperimentState.STOPPED):
        raise ConflictError(
            f"The experiment {experiment.name!r} is {experiment.state.value}",
            param="name",
            hint=f"End it first: tandem experiments stop {experiment.name}",
        )
    wanted = arm or experiment.winner
    if wanted is None:
        raise ConflictError(
            f"The experiment {experiment.name!r} has no winner",
            param="arm",
            hint="Name the arm that is to serve all the same.",
        )
    challenger = experiment.challenger(wanted)
    if challenger is None:
        raise NotFoundError(f"There is no challenger {wanted!r}", param="arm")
    return challenger


def _check_free(draft: Experiment, running: list[Experiment]) -> None:
    for other in running:
        if overlaps(draft.plan, other.plan):
            raise ConflictError(
                f"The experiment {other.name!r} runs on the same traffic",
                param="name",
                hint=f"Stop it (tandem experiments stop {other.name}), or limit both to other tenants or corpora.",
            )
