"""Takes back what an intervention did, as far as nobody has changed it since."""

from datetime import UTC, datetime

from tandem.errors import ConflictError, InvalidRequestError
from tandem.store import Intervention, Store


def undo_intervention(store: Store, intervention_id: str, subject: str) -> Intervention:
    """Undo one that was made; `subject` is who wants it. It is not made again for `alerts.respect_s` seconds.

    Raises `NotFoundError`; `ConflictError` for one that was not made, or where somebody has changed what it changed;
    `InvalidRequestError` for one that cannot be undone. Then nothing has changed.
    """
    made = store.intervention(intervention_id)
    if made.state != "done":
        raise ConflictError(f"The intervention {made.id} is {made.state}", param="intervention")
    at = datetime.now(UTC)
    reason = f"Intervention {made.id} undone"
    if made.kind == "rollback":
        _promote_again(store, made, subject, reason)
    elif made.kind == "degrade":
        store.force_degraded(False, subject=subject, reason=reason, at=at)
    elif made.kind == "retrain":
        store.end_retraining_requests(at, request_id=made.result["request"], met=False)
    else:
        raise InvalidRequestError(
            f"An intervention of the kind {made.kind} is not undone",
            param="intervention",
            hint="Start the experiment anew: tandem experiments --help",
        )
    return store.mark_undone(made.id, subject, at)


def _promote_again(store: Store, made: Intervention, subject: str, reason: str) -> None:
    now = store.champion_change()
    if now is None or now.number != made.result["change"]:
        raise ConflictError(
            "The champion was changed after the rollback",
            param="intervention",
            hint="Look at it: tandem recipes champion",
        )
    name, _, version = str(made.target["champion"]).partition("@")
    store.set_champion(
        name, version or None, author=subject, reason=reason, initial=name, expected=made.result["champion"]
    )
