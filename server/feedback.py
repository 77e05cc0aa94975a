"""Takes a vote, and takes it back: keeps it, counts it, and tells who watches."""

from dataclasses import dataclass, replace

from server.services import Services
from tandem.store import Feedback, Vote
from tandem.threads import in_thread
from tandem.vocabulary import Caller


@dataclass(frozen=True, slots=True)
class Voted:
    """A user has voted on an answer, or has voted anew: what `Services.events` tells."""

    feedback: Feedback


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A user has taken a vote back: what `Services.events` tells."""

    feedback: Feedback


async def cast_vote(vote: Vote, services: Services) -> Feedback:
    """Keep the vote, its words without the personal data that traces are kept without. Raises `NotFoundError`."""
    kept = await in_thread(services.store.vote, await in_thread(_redacted, vote, services))
    services.tracing.votes.labels(kept.recipe.partition("@")[0], kept.verdict).inc()
    services.events.publish(Voted(kept))
    return kept


async def withdraw_vote(caller: Caller, trace_id: str, voter: str, services: Services) -> None:
    """Let it be as if the voter had never voted on this answer. Nothing is done where that is so already."""
    gone = await in_thread(services.store.withdraw_vote, caller, trace_id, voter)
    if gone is not None:
        services.tracing.votes.labels(gone.recipe.partition("@")[0], "withdrawn").inc()
        services.events.publish(Withdrawn(gone))


def _redacted(vote: Vote, services: Services) -> Vote:
    redactor = services.tracing.redactor
    if redactor is None:
        return vote
    return replace(
        vote,
        comment=redactor.redact(vote.comment),
        correction=redactor.redact(vote.correction),
        tags=tuple(redactor.redact(tag) for tag in vote.tags),
    )
