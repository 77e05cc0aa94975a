"""`/api/drift`: what has changed in the questions and answers, what they are compared with, and thresholds."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from server.api.identity import admin_of, evaluator_of, services_of
from server.drift.calibrating import calibration_of, calibration_of_reference
from server.drift.conformal import rate_interval
from server.drift.questions import questions_of_set, searched
from server.drift.references import reference_of_sample, reference_of_time
from server.drift.watching import compared_now
from server.services import Services
from tandem.errors import ForbiddenError, InvalidRequestError, NotFoundError
from tandem.settings import DriftSettings
from tandem.store import EVERYBODY, DriftReference, DriftReport, OutsideCalibration, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller, KeyScope

router = APIRouter(prefix="/api/drift", tags=["drift"])

Evaluator = Annotated[Caller, Depends(evaluator_of)]
Admin = Annotated[Caller, Depends(admin_of)]
Parts = Annotated[Services, Depends(services_of)]
_MOST_NAME = 140


class ExampleBody(BaseModel):
    """A question that is typical of what is new."""

    trace_id: str
    question: str


class DriftReportBody(BaseModel):
    """One look at one series. It alarms where `p_value` is at or below `threshold`, which holds the corrections."""

    model_config = ConfigDict(from_attributes=True)
    at: datetime
    series: str
    method: str
    statistic: float
    p_value: float
    threshold: float
    alarm: bool
    before: float | None = Field(description="Mean in the reference.")
    now: float | None = Field(description="Mean in the window.")
    reference_size: int
    window_size: int
    since: datetime
    until: datetime
    examples: list[ExampleBody] = []


class ReferenceBody(BaseModel):
    """What answers are compared with."""

    model_config = ConfigDict(from_attributes=True)
    source: str
    author: str
    set_at: datetime
    since: datetime
    until: datetime | None
    wanted: int
    complete_at: datetime | None = Field(description="Empty while it fills.")
    answers: int
    looks: int


class CalibrationBody(BaseModel):
    """From where on a question is outside."""

    number: int
    source: str
    author: str
    made_at: datetime
    questions: int
    false_alarms: float = Field(
        description="Share of the domain's own questions that is called outside, at most."
    )
    low: float = Field(description="With so many questions the share is from here, in 90 of 100 cases,")
    high: float = Field(description="up to here.")


class DriftBody(BaseModel):
    """The reference, the calibration, and the newest looks first."""

    reference: ReferenceBody | None
    calibration: CalibrationBody | None
    reports: list[DriftReportBody]


class SetReferenceBody(BaseModel):
    """By default the answers from now on. `since` and `until`, or the questions of an eval set."""

    model_config = ConfigDict(extra="forbid")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    set: str | None = Field(None, max_length=_MOST_NAME, description="Eval set, `NAME` or `NAME@NUMBER`.")
    corpora: list[str] | None = Field(None, max_length=100, description="Where to search for its questions.")
    everywhere: bool = Field(False, description="For the answers of all tenants together; for operators.")


class CalibrateBody(BaseModel):
    """By default from the answers of the reference."""

    model_config = ConfigDict(extra="forbid")
    set: str | None = Field(None, max_length=_MOST_NAME, description="Eval set, `NAME` or `NAME@NUMBER`.")
    corpora: list[str] | None = Field(None, max_length=100)
    false_alarms: float | None = Field(None, gt=0, lt=0.5, description="`drift.false_alarms` by default.")


class CheckBody(BaseModel):
    """Which answers to compare; the newest window by default."""

    model_config = ConfigDict(extra="forbid")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class CheckedBody(BaseModel):
    """What a look beside the others has found. It is not kept, and each such look may alarm falsely."""

    reports: list[DriftReportBody]


@router.get("")
async def get_drift(
    caller: Evaluator,
    services: Parts,
    alarms: Annotated[bool, Query(description="Only those that alarm.")] = False,
    everywhere: Annotated[bool, Query(description="Of all tenants together; for operators.")] = False,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> DriftBody:
    """What was found, with the questions that show it. Another tenant's words are never among them."""
    tenant = _watched(caller, everywhere=everywhere)
    return await in_thread(_drift, services, caller, tenant, limit, alarms)


@router.post("/reference", status_code=201)
async def set_reference(body: SetReferenceBody, caller: Admin, services: Parts) -> ReferenceBody:
    """Compare with other answers from now on. One from when to when is complete at once."""
    tenant = _watched(caller, everywhere=body.everywhere)
    if body.set is not None:
        if body.everywhere or body.since or body.until:
            raise InvalidRequestError("An eval set is of no time and of one tenant", param="set")
        made = await _reference_of_set(body.set, body.corpora, caller, services)
    else:
        made = await in_thread(_reference_of_time, body, tenant, caller.subject, services)
    await in_thread(services.store.set_drift_reference, made, caller.subject)
    return ReferenceBody.model_validate(made)


@router.post("/calibration", status_code=201)
async def calibrate(body: CalibrateBody, caller: Admin, services: Parts) -> CalibrationBody:
    """Set from which distance on the tenant's questions are outside of its domain."""
    rate = body.false_alarms or services.settings.drift.false_alarms
    if body.set is None:
        reference = await in_thread(services.store.drift_reference, caller.tenant)
        made = calibration_of_reference(reference, caller.tenant, rate, caller.subject)
    else:
        questions = await in_thread(questions_of_set, services.store, body.set)
        sample, embedder = await searched(caller, questions, _corpora(body.corpora), services)
        source = f"eval set {body.set}"
        made = calibration_of(sample, embedder, caller.tenant, rate, source, caller.subject)
    return calibration_body(await in_thread(services.store.set_outside_calibration, made, caller.subject))


@router.post("/check")
async def check(body: CheckBody, caller: Evaluator, services: Parts) -> CheckedBody:
    """Compare the newest answers, or others, with the reference now."""
    found = await in_thread(check_now, services.store, services.settings.drift, caller.tenant, body)
    return CheckedBody(reports=found)


def check_now(store: Store, settings: DriftSettings, tenant: str, body: CheckBody) -> list[DriftReportBody]:
    """What a look now finds. Blocking; raises as `compared_now`."""
    sample, found = compared_now(store, settings, tenant, body.since, body.until)
    reference = store.drift_reference(tenant)
    size = reference.answers if reference else 0
    return [
        DriftReportBody(
            at=datetime.now(UTC),
            series=one.series,
            method=one.compared.method,
            statistic=one.compared.statistic,
            p_value=one.compared.p_value,
            threshold=one.threshold,
            alarm=one.alarm,
            before=one.before,
            now=one.now,
            reference_size=size,
            window_size=sample.size,
            since=sample.since,
            until=sample.until,
        )
        for one in found
    ]


def drift_body(store: Store, caller: Caller, tenant: str, limit: int, alarms: bool) -> DriftBody:
    """What is known of a tenant, or of `EVERYBODY`. Blocking."""
    reports = store.drift_reports(tenant, limit=limit, alarms=alarms)
    reference, calibration = store.drift_reference(tenant), store.outside_calibration(tenant)
    return DriftBody(
        reference=None if reference is None else ReferenceBody.model_validate(reference),
        calibration=None if calibration is None else calibration_body(calibration),
        reports=[_report(store, caller, one) for one in reports],
    )


def _drift(services: Services, caller: Caller, tenant: str, limit: int, alarms: bool) -> DriftBody:
    return drift_body(services.store, caller, tenant, limit, alarms)


def _report(store: Store, caller: Caller, report: DriftReport) -> DriftReportBody:
    """With the words of those traces that are still there, and the caller's."""
    examples = []
    for trace_id in report.examples:
        try:
            examples.append(ExampleBody(trace_id=trace_id, question=store.trace(caller, trace_id).question))
        except NotFoundError:
            continue
    values = {name: getattr(report, name) for name in DriftReportBody.model_fields if name != "examples"}
    return DriftReportBody(**values, examples=examples)


def _reference_of_time(
    body: SetReferenceBody, tenant: str, author: str, services: Services
) -> DriftReference:
    return reference_of_time(services.store, services.settings.drift, tenant, author, body.since, body.until)


async def _reference_of_set(
    ref: str, corpora: list[str] | None, caller: Caller, services: Services
) -> DriftReference:
    questions = await in_thread(questions_of_set, services.store, ref)
    sample, embedder = await searched(caller, questions, _corpora(corpora), services)
    return reference_of_sample(sample, embedder, caller.tenant, f"eval set {ref}", caller.subject)


def calibration_body(made: OutsideCalibration) -> CalibrationBody:
    """A calibration as it is sent, with how sure its rate is."""
    low, high = rate_interval(made.questions // 2, made.false_alarms)
    values = {
        name: getattr(made, name) for name in CalibrationBody.model_fields if name not in ("low", "high")
    }
    return CalibrationBody(**values, low=low, high=high)


def _watched(caller: Caller, *, everywhere: bool) -> str:
    if not everywhere:
        return caller.tenant
    if not caller.may(KeyScope.OPERATOR):
        raise ForbiddenError("What all tenants ask together is for operators", param="everywhere")
    return EVERYBODY


def _corpora(named: list[str] | None) -> tuple[str, ...] | None:
    return None if named is None else tuple(named)
