"""Commands of experiments. What they do stands in a module of its own."""

from typing import Annotated, Literal

import typer

from tandem.cli.options import AsJson
from tandem.errors import InvalidRequestError
from tandem.settings import read_settings

experiments_app = typer.Typer(
    no_args_is_help=True, help="Experiments: challengers beside the champion, on live traffic."
)

Name = Annotated[str, typer.Argument(help="Name of the experiment.")]


_Unit = Literal["user", "conversation", "request"]
_Metric = Literal["feedback", "quality", "abstained", "cited", "first_token_ms"]


@experiments_app.command("create")
def experiments_create(
    name: Name,
    challenger: Annotated[
        list[str],
        typer.Option(
            help="RECIPE, RECIPE=SHARE or RECIPE=SHARE:FINAL, such as mine@3=5%:50%; repeatable. Half by default."
        ),
    ],
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Challengers answer too, and nobody sees it.")
    ] = False,
    unit: Annotated[
        _Unit, typer.Option(help="What keeps its recipe; without a user, its conversation does.")
    ] = "user",
    tenant: Annotated[list[str] | None, typer.Option(help="Tenant, repeatable; all by default.")] = None,
    corpus: Annotated[
        list[str] | None,
        typer.Option(help="Only questions that search such corpora alone, repeatable; all by default."),
    ] = None,
    metric: Annotated[_Metric, typer.Option(help="What decides.")] = "feedback",
    direction: Annotated[
        Literal["higher", "lower"] | None, typer.Option(help="What is better; the metric's own by default.")
    ] = None,
    smallest: Annotated[
        float | None, typer.Option(help="Effect that matters; 0.05 by default, 100 for milliseconds.")
    ] = None,
    guard: Annotated[
        list[str] | None,
        typer.Option(
            help="METRIC=LIMIT, repeatable: p95_latency_ms=8000, failed=2%, abstained=30%, negative_feedback=40%."
        ),
    ] = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Let a winner become the champion by itself.")
    ] = False,
    max_days: Annotated[float, typer.Option(min=0.001, max=366, help="Longest time.")] = 28,
    max_units: Annotated[int | None, typer.Option(min=1, help="Most units; no limit by default.")] = None,
    json: AsJson = False,
) -> None:
    """Write an experiment down as a draft; `start` lets it run."""
    from pydantic import ValidationError

    from tandem.cli.experiments import challenger_of, create, guardrail_of
    from tandem.experiments import ExperimentWish
    from tandem.store import Metric

    mode: Literal["split", "shadow"] = "shadow" if shadow else "split"
    try:
        wish = ExperimentWish(
            name=name,
            challengers=[challenger_of(one) for one in challenger],
            mode=mode,
            unit=unit,
            tenants=tenant or None,
            corpora=corpus or None,
            metric=Metric(metric),
            direction=direction,
            smallest=smallest,
            guardrails=[guardrail_of(one) for one in guard or []],
            promotes=promote,
            max_days=max_days,
            max_units=max_units,
        )
    except ValidationError as error:
        first = error.errors()[0]
        param = ".".join(str(part) for part in first["loc"]) or None
        raise InvalidRequestError(first["msg"].removeprefix("Value error, "), param=param) from error
    create(read_settings(), wish, as_json=json)


@experiments_app.command("list")
def experiments_list(json: AsJson = False) -> None:
    """List the experiments, newest first."""
    from tandem.cli.experiments import list_experiments

    list_experiments(read_settings(), as_json=json)


@experiments_app.command("show")
def experiments_show(
    name: Name,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Both answers side by side, of shadow mode.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Pairs to show, the newest first.")] = 20,
    json: AsJson = False,
) -> None:
    """Print what an experiment has shown so far; look as often as you like."""
    from tandem.cli.experiments import show, show_pairs

    if pairs:
        show_pairs(read_settings(), name, limit, as_json=json)
    else:
        show(read_settings(), name, as_json=json)


@experiments_app.command("start")
def experiments_start(name: Name, json: AsJson = False) -> None:
    """Let a draft run against the champion of now; its adapters are loaded before."""
    from tandem.cli.experiments import start

    start(read_settings(), name, as_json=json)


@experiments_app.command("share")
def experiments_share(
    name: Name,
    share: Annotated[str, typer.Argument(help="The new share, such as 25%; never less than before.")],
    arm: Annotated[str, typer.Option(help="Whose.")] = "challenger",
    json: AsJson = False,
) -> None:
    """Give a challenger more of the traffic; nobody is moved back."""
    from tandem.cli.experiments import share as grow
    from tandem.cli.experiments import share_of

    grow(read_settings(), name, {arm: share_of(share)}, as_json=json)


@experiments_app.command("stop")
def experiments_stop(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why; kept with the experiment.")] = "",
    json: AsJson = False,
) -> None:
    """End an experiment undecided; everybody gets the champion."""
    from tandem.cli.experiments import stop_experiment

    stop_experiment(read_settings(), name, reason, as_json=json)


@experiments_app.command("promote")
def experiments_promote(
    name: Name,
    arm: Annotated[str | None, typer.Option(help="The arm that is to serve; the winner by default.")] = None,
    json: AsJson = False,
) -> None:
    """Let the winner be the champion, if the champion is still that of the start."""
    from tandem.cli.experiments import promote_winner

    promote_winner(read_settings(), name, arm, as_json=json)
