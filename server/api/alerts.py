"""`/api/alerts`: what is wrong now, what was, by which rules, and of what nobody wants to hear."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from server.alerting.look import LOOK
from server.alerting.payloads import runbook, summary
from server.api.identity import evaluator_of, operator_of, services_of
from server.services import Services
from tandem.alerting.ruleset import KnownRule, check_room, check_rule_name, fixed_rules, rules_in_force
from tandem.errors import InvalidRequestError
from tandem.monitoring import AlertRule
from tandem.monitoring.alert import Alert
from tandem.threads import in_thread
from tandem.vocabulary import Caller

router = APIRouter(prefix="/api/alerts", tags=["alerts"])

Evaluator = Annotated[Caller, Depends(evaluator_of)]
Operator = Annotated[Caller, Depends(operator_of)]
Parts = Annotated[Services, Depends(services_of)]
RuleName = Annotated[str, Path(max_length=64)]


class AlertBody(BaseModel):
    """One episode of a rule: pending, firing or resolved."""

    id: str
    rule: str
    subject: str
    state: Literal["pending", "firing", "resolved"]
    severity: str
    metric: str
    summary: str
    runbook: str
    since: datetime
    seen_at: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    value: float | None
    low: float | None
    high: float | None
    answers: int
    limit: float | None
    before: float | None
    before_answers: int
    proven: bool
    """Whether an intervention may rest on it."""
    note: str


class AlertList(BaseModel):
    """Alerts, the newest first."""

    looked_at: datetime | None
    """When the rules were looked at last."""
    alerts: list[AlertBody]


class RuleBody(BaseModel):
    """A rule, and where it stands: in Tandem, in the file of the settings, or in the store."""

    rule: AlertRule
    source: Literal["builtin", "file", "store"]
    author: str


class RuleList(BaseModel):
    """All rules, by name."""

    rules: list[RuleBody]


class SilenceWish(BaseModel):
    """Of which rule nobody is told, for how long, and why."""

    model_config = ConfigDict(extra="forbid")
    rule: str = Field(max_length=64, description="A rule's name, or `*` for all of them.")
    seconds: float = Field(gt=0, le=30 * 86_400)
    reason: str = Field("", max_length=2_000)


class SilenceBody(BaseModel):
    """A silence that holds."""

    id: str
    rule: str
    until: datetime
    author: str
    reason: str
    made_at: datetime


class SilenceList(BaseModel):
    """Silences, the first to end first."""

    silences: list[SilenceBody]


@router.get("")
async def list_alerts(
    caller: Evaluator,
    services: Parts,
    state: Annotated[
        Literal["open", "all"], Query(description="Those that go on, or past ones, too.")
    ] = "open",
    rule: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> AlertList:
    """What is wrong now, and what was."""

    store = services.store
    if state == "open":
        found = [one for one in await in_thread(store.open_alerts) if rule in (None, one.rule)][:limit]
    else:
        found = await in_thread(store.alert_history, rule=rule, limit=limit)
    looked = await in_thread(store.last_turn, LOOK)
    return AlertList(looked_at=looked, alerts=[alert_body(one, services) for one in found])


@router.get("/rules")
async def list_rules(caller: Evaluator, services: Parts) -> RuleList:
    """The rules that hold, also those that are switched off."""
    return RuleList(rules=[_rule(one) for one in await in_thread(_rules, services)])


@router.put("/rules/{name}")
async def save_rule(name: RuleName, body: AlertRule, caller: Operator, services: Parts) -> RuleBody:
    """Write a rule. One of the same name that comes with Tandem, or of the file, does not hold then."""
    if body.name != name:
        raise InvalidRequestError(f"The rule in the body is {body.name!r}, not {name!r}", param="name")
    check_room(name, await in_thread(_rules, services))
    await in_thread(services.store.save_rule, body, caller.subject, datetime.now(UTC))
    return RuleBody(rule=body, source="store", author=caller.subject)


@router.delete("/rules/{name}", status_code=204, response_class=Response)
async def remove_rule(name: RuleName, caller: Operator, services: Parts) -> None:
    """Take a rule of the store away; what it stood in the place of holds again."""
    await in_thread(services.store.remove_rule, name, caller.subject)


@router.get("/silences")
async def list_silences(caller: Evaluator, services: Parts) -> SilenceList:
    """The silences that hold now."""
    found = await in_thread(services.store.silences, datetime.now(UTC))
    return SilenceList(silences=[SilenceBody.model_validate(one, from_attributes=True) for one in found])


@router.post("/silences", status_code=201)
async def make_silence(body: SilenceWish, caller: Operator, services: Parts) -> SilenceBody:
    """Tell nobody of a rule for a while, and do nothing about it."""
    check_rule_name(body.rule, await in_thread(_rules, services))
    at = datetime.now(UTC)
    until = at + timedelta(seconds=body.seconds)
    made = await in_thread(services.store.silence, body.rule, until, caller.subject, body.reason, at)
    return SilenceBody.model_validate(made, from_attributes=True)


@router.delete("/silences/{silence}", status_code=204, response_class=Response)
async def end_silence(
    silence: Annotated[str, Path(max_length=64)], caller: Operator, services: Parts
) -> None:
    """End a silence before its time."""
    await in_thread(services.store.end_silence, silence, caller.subject)


def alert_body(alert: Alert, services: Services) -> AlertBody:
    """An alert as it is sent."""
    own = {name: getattr(alert, name) for name in AlertBody.model_fields if hasattr(alert, name)}
    page = runbook(alert.rule, services.settings.alerts)
    return AlertBody.model_validate({**own, "summary": summary(alert), "runbook": page})


def _rules(services: Services) -> list[KnownRule]:
    return rules_in_force(fixed_rules(services.settings.alerts), services.store)


def _rule(known: KnownRule) -> RuleBody:
    return RuleBody(rule=known.rule, source=known.source, author=known.author)
