"""Watches each tenant's answers, and those of all: fills references, and takes the looks that are due. Blocking.

Any number of servers may do so on one store: a look is claimed before it is taken, and kept once.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import structlog

from server.drift.comparing import Finding, compare, level_of
from server.drift.sample import Sample, kept, kept_sample, sample_of, usual_embedder
from server.drift.typical import typical
from tandem.errors import NotFoundError, TooFewExamplesError
from tandem.settings import DriftSettings
from tandem.store import EVERYBODY, DriftReference, DriftReport, Observation, Place, Store
from tandem.store.drift import drift_turn

log = structlog.get_logger(__name__)

_DAY = timedelta(days=1)
_LEASE = timedelta(minutes=2)
"""So long a look is its server's own; then another may think that it has died."""
_SETTLED = timedelta(seconds=2)
"""An answer of another server may still be on its way into the store for so long."""
_LOOKS_AT_ONCE = 20
"""Most looks at a tenant in one step: one that was not watched for long must not keep the others waiting."""


def watch(store: Store, settings: DriftSettings, now: datetime | None = None) -> list[DriftReport]:
    """One step for every tenant that is watched; what was found."""
    moment = now or datetime.now(UTC)
    tenants = store.busiest_tenants(moment - _DAY, settings.tenants)
    found = [report for tenant in tenants for report in watch_one(store, settings, tenant, moment)]
    # With one tenant alone it would be the same once more.
    if len(tenants) > 1 or store.drift_reference(EVERYBODY) is not None:
        found += watch_one(store, settings, EVERYBODY, moment)
    return found


def watch_one(store: Store, settings: DriftSettings, tenant: str, now: datetime) -> list[DriftReport]:
    """One step for one tenant, or for `EVERYBODY`."""
    reference = store.drift_reference(tenant)
    if reference is None:
        source = f"the first {settings.reference} answers"
        store.begin_drift_reference(
            DriftReference(tenant, now - _DAY, None, settings.reference, source, "tandem", now)
        )
        reference = store.drift_reference(tenant)
    if reference is not None and reference.complete_at is None:
        complete = filled(store, reference, now)
        if complete is None or not store.complete_drift_reference(complete):
            return []
        reference = complete
    reports: list[DriftReport] = []
    for _ in range(_LOOKS_AT_ONCE):
        if reference is None or (found := _look(store, settings, reference, now)) is None:
            break
        reports += found
        reference = store.drift_reference(tenant)
    return reports


def filled(store: Store, reference: DriftReference, now: datetime) -> DriftReference | None:
    """The reference with its answers; `None` while there are too few.

    Raises `TooFewExamplesError` for one from when to when that has none.
    """
    until = reference.until or now - _SETTLED
    # One before the first, so that it is among them.
    before = Place(reference.since - timedelta(microseconds=1), "\U0010ffff")
    answers = store.answers_after(reference.tenant, before, reference.wanted, until)
    if reference.until is None and len(answers) < reference.wanted:
        return None
    if not answers:
        raise TooFewExamplesError(
            "There are no answers in this time", param="since", hint="Name another time, or leave it away."
        )
    vectors = store.question_vectors([one.trace_id for one in answers])
    embedder = usual_embedder(vectors)
    series, matrix = kept(sample_of(answers, vectors, embedder))
    last = Place(answers[-1].at, answers[-1].trace_id)
    start = last if reference.until is None else Place(reference.until)
    return replace(
        reference,
        complete_at=now,
        answers=len(answers),
        embedder=embedder,
        series=series,
        vectors=matrix,
        start=start,
        place=start,
    )


def compared_now(
    store: Store, settings: DriftSettings, tenant: str, since: datetime | None, until: datetime | None
) -> tuple[Sample, list[Finding]]:
    """Compare other answers than those that are due, by default the newest window; nothing is kept.

    Raises `NotFoundError` without a reference, `TooFewExamplesError` without answers after it.
    """
    reference = store.drift_reference(tenant)
    if reference is None or reference.complete_at is None or reference.start is None:
        raise NotFoundError("There is no reference yet, or not all of it", hint="tandem drift reference")
    after = Place(since - timedelta(microseconds=1), "\U0010ffff") if since else reference.start
    last = Place(until or datetime.now(UTC))
    answers = store.newest_answers(tenant, after, last, settings.window)
    if not answers:
        raise TooFewExamplesError("There are no answers after the reference to compare with it")
    sample = _sample(store, answers, reference.embedder)
    return sample, compare(kept_sample(reference), sample, level_of(settings))


def _look(
    store: Store, settings: DriftSettings, reference: DriftReference, now: datetime
) -> list[DriftReport] | None:
    """The next look, if it is due and nobody else takes it."""
    if reference.place is None or reference.start is None:
        return None
    step = max(settings.window // settings.looks, 1)
    fresh = store.answers_after(reference.tenant, reference.place, step, now - _SETTLED)
    if len(fresh) < step or not store.take_turn(drift_turn(reference.tenant), _LEASE):
        return None
    place = Place(fresh[-1].at, fresh[-1].trace_id)
    answers = store.newest_answers(reference.tenant, reference.start, place, settings.window)
    before, window = kept_sample(reference), _sample(store, answers, reference.embedder)
    found = compare(before, window, level_of(settings))
    examples = _examples(before, window, found) if reference.tenant != EVERYBODY else ()
    reports = [_report(reference, one, window, now, examples) for one in found]
    if not store.finish_drift_look(reference, place, reports):
        return None
    for one in reports:
        if one.alarm:
            log.warning(
                "drift",
                tenant=one.tenant,
                series=one.series,
                p_value=one.p_value,
                before=one.before,
                now=one.now,
            )
    return reports


def _sample(store: Store, answers: Sequence[Observation], embedder: str) -> Sample:
    vectors = store.question_vectors([one.trace_id for one in answers])
    return sample_of(answers, vectors, embedder)


def _examples(before: Sample, window: Sample, found: Sequence[Finding]) -> tuple[str, ...]:
    """Traces whose questions show what is new. For a tenant of its own: nothing crosses from one to another."""
    if not any(one.alarm for one in found) or not len(before.vectors) or not len(window.vectors):
        return ()
    return tuple(window.ids[place] for place in typical(before.vectors, window.vectors))


def _report(
    reference: DriftReference, one: Finding, window: Sample, now: datetime, examples: tuple[str, ...]
) -> DriftReport:
    return DriftReport(
        id=uuid4().hex,
        tenant=reference.tenant,
        at=now,
        series=one.series,
        method=one.compared.method,
        statistic=one.compared.statistic,
        p_value=one.compared.p_value,
        threshold=one.threshold,
        alarm=one.alarm,
        before=one.before,
        now=one.now,
        reference_size=reference.answers,
        window_size=window.size,
        since=window.since,
        until=window.until,
        examples=examples if one.alarm else (),
    )
