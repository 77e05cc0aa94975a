"""`tandem traces` and `tandem feedback`, their arguments; what they do stands in modules of their own."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tandem.cli.options import AsJson
from tandem.cli.trace_options import (
    OfExperiment,
    OfOutcome,
    OfRecipe,
    Since,
    Tenant,
    Until,
    WithVotes,
    in_utc,
)
from tandem.errors import InvalidRequestError
from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_TENANT

if TYPE_CHECKING:
    from datetime import datetime

    from tandem.cli.trace_options import Outcome, Voted
    from tandem.store import TraceWish

traces_app = typer.Typer(no_args_is_help=True, help="What was asked, answered and cited.")
feedback_app = typer.Typer(
    no_args_is_help=True, help="What users think of answers; nothing is learnt from it unreviewed."
)


@traces_app.command("list")
def traces_list(
    since: Since = None,
    until: Until = None,
    recipe: OfRecipe = None,
    outcome: OfOutcome = None,
    experiment: OfExperiment = None,
    voted: WithVotes = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most traces.")] = 20,
    tenant: Tenant = DEFAULT_TENANT,
    json: AsJson = False,
) -> None:
    """List traces, the newest first."""
    from tandem.cli.traces import list_traces

    wish = _wish(since, until, recipe, outcome, experiment, voted)
    list_traces(read_settings(), tenant, wish, limit, as_json=json)


@traces_app.command("show")
def traces_show(
    trace_id: Annotated[str, typer.Argument(help="Id, as `traces list` and every answer give it.")],
    tenant: Tenant = DEFAULT_TENANT,
    json: AsJson = False,
) -> None:
    """Print one trace: question, answer, sources, timings and votes."""
    from tandem.cli.traces import show_trace

    show_trace(read_settings(), tenant, trace_id, as_json=json)


@traces_app.command("export")
def traces_export(
    out: Annotated[Path | None, typer.Option(help="File to write; stdout by default.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Add to the file what has come since its newest trace.")
    ] = False,
    since: Since = None,
    until: Until = None,
    recipe: OfRecipe = None,
    outcome: OfOutcome = None,
    experiment: OfExperiment = None,
    voted: WithVotes = None,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Write traces with their votes as JSON lines, the oldest first, redacted as the settings say."""
    from tandem.cli.traces import export_traces

    if resume and out is None:
        raise InvalidRequestError("--resume goes on with a file", param="resume", hint="Name it with --out.")
    wish = _wish(since, until, recipe, outcome, experiment, voted)
    export_traces(read_settings(), tenant, wish, out, resume=resume)


class State(StrEnum):
    """What a reviewer made of a vote."""

    new = "new"
    accepted = "accepted"
    rejected = "rejected"


class Verdict(StrEnum):
    """What a user thought."""

    up = "up"
    down = "down"
    neither = "neither"


Votes = Annotated[list[str], typer.Argument(help="Ids, as `feedback list` prints them.")]


@feedback_app.command("list")
def feedback_list(
    state: Annotated[State | None, typer.Option(help="Only of this state.")] = None,
    verdict: Annotated[Verdict | None, typer.Option(help="Only of this verdict.")] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most votes.")] = 50,
    tenant: Tenant = DEFAULT_TENANT,
    json: AsJson = False,
) -> None:
    """List votes with what they are on, the newest first."""
    from tandem.cli.feedback import list_feedback

    list_feedback(
        read_settings(),
        tenant,
        state.value if state else None,
        verdict.value if verdict else None,
        in_utc(since),
        limit,
        as_json=json,
    )


@feedback_app.command("accept")
def feedback_accept(votes: Votes, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Let the answers be learnt from, and measured with."""
    from tandem.cli.feedback import review

    review(read_settings(), tenant, votes, "accepted")


@feedback_app.command("reject")
def feedback_reject(votes: Votes, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Neither learn from them nor count them."""
    from tandem.cli.feedback import review

    review(read_settings(), tenant, votes, "rejected")


@feedback_app.command("score")
def feedback_score(
    recipe: OfRecipe = None, since: Since = None, tenant: Tenant = DEFAULT_TENANT, json: AsJson = False
) -> None:
    """Count the users who think well of a recipe, and those who do not, each by the newest vote."""
    from tandem.cli.feedback import print_score

    print_score(read_settings(), tenant, recipe, in_utc(since), as_json=json)


def _wish(
    since: "datetime | None",
    until: "datetime | None",
    recipe: str | None,
    outcome: "Outcome | None",
    experiment: str | None,
    voted: "Voted | None",
) -> "TraceWish":
    from tandem.store import TraceWish

    return TraceWish(
        since=in_utc(since),
        until=in_utc(until),
        recipe=recipe,
        outcome=outcome.value if outcome else None,
        experiment=experiment,
        voted=voted.value if voted else None,
    )
