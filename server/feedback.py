"""Takes a vote: keeps it, counts it, and tells who watches."""

from dataclasses import dataclass, replace

from server.services import Services
from tandem.store import Feedback, Vote
from tandem.threads import in_thread


@dataclass(frozen=True, slots=True)
class Voted:
    """A user has voted on an answer, or has voted anew: what `Services.events` tells."""

    feedback: Feedback


async def cast_vote(vote: Vote, services: Services) -> Feedback:
    """Keep the vote, its words without the personal data that traces are kept without. Raises `NotFoundError`."""
    kept = await in_thread(services.store.vote, await in_thread(_redacted, vote, services))
    services.tracing.votes.labels(kept.recipe.partition("@")[0], kept.verdict).inc()
    services.events.publish(Voted(kept))
    return kept


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
