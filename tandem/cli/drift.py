"""`tandem drift`: what has changed in the questions and answers, and which questions are from outside.

By the running server where there is one. What needs no search is else done on the store.
"""

from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from server.api.drift import (
    CalibrationBody,
    CheckBody,
    DriftBody,
    DriftReportBody,
    ReferenceBody,
    calibration_body,
    check_now,
    drift_body,
)
from server.drift.calibrating import calibration_of_reference
from server.drift.references import reference_of_time
from tandem.cli.opened import author, opened_store
from tandem.cli.output import print_json, stdout
from tandem.cli.remote import checked, required_server, running_server
from tandem.errors import InvalidRequestError
from tandem.settings import Settings
from tandem.store import EVERYBODY
from tandem.vocabulary import Caller

_NAMES = {
    "questions": "what is asked",
    "novelty": "far from what is known",
    "similarity": "best passage's cosine",
    "evidence": "evidence",
    "answer_chars": "answer's length",
    "abstained": "share of abstentions",
}
_BESIDE_QUESTION = 4


def show(settings: Settings, limit: int, *, alarms: bool, everywhere: bool, as_json: bool) -> None:
    """Print the reference, the thresholds and the newest looks."""
    with running_server(settings) as client:
        if client is not None:
            wish: dict[str, Any] = {"limit": limit, "alarms": alarms, "everywhere": everywhere}
            found = DriftBody.model_validate(checked(client.get("/api/drift", params=wish)))
        else:
            caller = Caller()
            with opened_store(settings) as store:
                tenant = EVERYBODY if everywhere else caller.tenant
                found = drift_body(store, caller, tenant, limit, alarms)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    _print_reference(found.reference)
    _print_calibration(found.calibration)
    _print_reports(found.reports)


def reference(
    settings: Settings,
    since: str | None,
    until: str | None,
    eval_set: str | None,
    corpora: list[str] | None,
    *,
    everywhere: bool,
) -> None:
    """Let answers be compared with others from now on. Raises as `reference_of_time`; an eval set needs a server."""
    begin, end = moment(since, "since"), moment(until, "until")
    if eval_set is not None and (begin or end or everywhere):
        raise InvalidRequestError("An eval set is of no time and of one tenant", param="set")
    wish = {
        "since": begin and begin.isoformat(),
        "until": end and end.isoformat(),
        "set": eval_set,
        "corpora": corpora,
        "everywhere": everywhere,
    }
    chosen = required_server if eval_set is not None else running_server
    with chosen(settings) as client:
        if client is not None:
            made = ReferenceBody.model_validate(checked(client.post("/api/drift/reference", json=wish)))
        else:
            tenant = EVERYBODY if everywhere else Caller().tenant
            with opened_store(settings) as store:
                kept = reference_of_time(store, settings.drift, tenant, author(), begin, end)
                store.set_drift_reference(kept, Caller().subject)
            made = ReferenceBody.model_validate(kept)
    _print_reference(made)


def calibrate(
    settings: Settings, eval_set: str | None, corpora: list[str] | None, false_alarms: float | None
) -> None:
    """Set the thresholds. An eval set's questions are searched for, which needs a server."""
    wish = {"set": eval_set, "corpora": corpora, "false_alarms": false_alarms}
    chosen = required_server if eval_set is not None else running_server
    with chosen(settings) as client:
        if client is not None:
            made = CalibrationBody.model_validate(checked(client.post("/api/drift/calibration", json=wish)))
        else:
            tenant, rate = Caller().tenant, false_alarms or settings.drift.false_alarms
            with opened_store(settings) as store:
                kept = calibration_of_reference(store.drift_reference(tenant), tenant, rate, author())
                made = calibration_body(store.set_outside_calibration(kept, Caller().subject))
    _print_calibration(made)


def check(settings: Settings, since: str | None, until: str | None, *, as_json: bool) -> bool:
    """Compare answers with the reference now and print it; whether nothing has changed."""
    wish = CheckBody(since=moment(since, "since"), until=moment(until, "until"))
    with running_server(settings) as client:
        if client is not None:
            body = checked(client.post("/api/drift/check", json=wish.model_dump(mode="json")))
            found = [DriftReportBody.model_validate(one) for one in body["reports"]]
        else:
            with opened_store(settings) as store:
                found = check_now(store, settings.drift, Caller().tenant, wish)
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
    else:
        _print_reports(found)
    return not any(one.alarm for one in found)


def moment(text: str | None, param: str) -> datetime | None:
    """A date, or a date and a time, in UTC where no zone is named. Raises `InvalidRequestError`."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequestError(
            f"{text!r} is no moment", param=param, hint="Write 2026-11-28 or 2026-11-28T14:00."
        ) from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _print_reference(made: ReferenceBody | None) -> None:
    if made is None:
        stdout.print("reference  none yet: the first answers make one")
        return
    state = f"{made.answers} answers" if made.complete_at else f"fills, until there are {made.wanted}"
    stdout.print(
        f"reference  {escape(made.source)} ({state}), set by {escape(made.author)}, {made.looks} looks since"
    )


def _print_calibration(made: CalibrationBody | None) -> None:
    if made is None:
        stdout.print("outside    not calibrated: nothing is called outside; see tandem drift calibrate")
        return
    stdout.print(
        f"outside    calibrated on {made.questions} questions ({escape(made.source)}): at most "
        f"{made.false_alarms:.1%} of the domain's own are called outside, {made.low:.1%} to {made.high:.1%} with so many"
    )


def _print_reports(reports: list[DriftReportBody]) -> None:
    if not reports:
        stdout.print("no looks yet")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("until", "series", "answers", "before", "now", "p", "alarms at", ""):
        table.add_column(name, justify="left" if name in ("until", "series", "") else "right")
    for one in reports:
        table.add_row(
            f"{one.until:%Y-%m-%d %H:%M}",
            _NAMES.get(one.series, one.series),
            str(one.window_size),
            _number(one.before),
            _number(one.now),
            f"{one.p_value:.2g}",
            f"{one.threshold:.2g}",
            "[bold red]changed[/bold red]" if one.alarm else "",
        )
    stdout.print(table)
    shown: dict[str, str] = {}
    for one in reports:
        shown |= {example.trace_id: example.question for example in one.examples}
    if shown:
        stdout.print("\nTypical of what is new:")
        for trace_id, question in list(shown.items())[: 2 * _BESIDE_QUESTION]:
            stdout.print(f"  {trace_id[:12]}  {escape(' '.join(question.split())[:160])}")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
