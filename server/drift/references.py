"""Makes what answers are compared with: the answers of a time, those that come, or questions of an eval set."""

from datetime import UTC, datetime

from server.drift.sample import Sample, kept
from server.drift.watching import filled
from tandem.errors import InvalidRequestError, TooFewExamplesError
from tandem.settings import DriftSettings
from tandem.store import DriftReference, Place, Store

_MOST = 2_000


def reference_of_time(
    store: Store,
    settings: DriftSettings,
    tenant: str,
    author: str,
    since: datetime | None,
    until: datetime | None,
) -> DriftReference:
    """The first answers from `since` on, by default from now; all before `until`, where it is given, at most 2,000.

    Blocking. Raises `InvalidRequestError` for a time that ends before it begins, `TooFewExamplesError` for one
    without answers.
    """
    now = datetime.now(UTC)
    begin = since or now
    if until is None:
        source = f"the first {settings.reference} answers from {begin:%Y-%m-%d %H:%M} UTC on"
        return DriftReference(tenant, begin, None, settings.reference, source, author, now)
    if until <= begin or until > now:
        raise InvalidRequestError(
            "The time must end after it begins, and not in the future",
            param="until",
            hint="Name --since and --until, or --since alone for the first answers from then on.",
        )
    source = f"answers from {begin:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"
    complete = filled(store, DriftReference(tenant, begin, until, _MOST, source, author, now), now)
    if complete is None:
        raise TooFewExamplesError("There are no answers in this time", param="since")
    return complete


def reference_of_sample(
    sample: Sample, embedder: str, tenant: str, source: str, author: str
) -> DriftReference:
    """Questions that were searched for; lengths and abstentions of their answers are not known, so not watched."""
    series, vectors = kept(sample)
    now = datetime.now(UTC)
    return DriftReference(
        tenant,
        now,
        now,
        sample.size,
        source,
        author,
        now,
        complete_at=now,
        answers=sample.size,
        embedder=embedder,
        series=series,
        vectors=vectors,
        place=Place(now),
        start=Place(now),
    )
