"""Commands of monitoring, alerts and interventions. What they do stands in modules of their own."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.options import AsJson
from tandem.settings import read_settings

alerts_app = typer.Typer(
    no_args_is_help=True, help="Alerts: what is wrong with live answers, and by which rules."
)
interventions_app = typer.Typer(
    no_args_is_help=True, help="Interventions: what was done about alerts, and what waits for a word."
)

InterventionId = Annotated[str, typer.Argument(help="Id of the intervention.")]


def monitor(
    window: Annotated[
        float | None, typer.Option(min=1, help="Seconds of answers; settings: alerts.window_s.")
    ] = None,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two pages.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print one page, and end.")] = False,
    json: AsJson = False,
) -> None:
    """Show what live answers come to, by recipe, with alerts and interventions; until Ctrl-C."""
    from tandem.cli.monitor import monitor as show

    show(read_settings(), window, every, once=once, as_json=json)


@alerts_app.command("list")
def alerts_list(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    json: AsJson = False,
) -> None:
    """List the alerts that are pending or firing."""
    from tandem.cli.alerts import list_alerts

    list_alerts(read_settings(), everything=everything, as_json=json)


@alerts_app.command("rules")
def alerts_rules(json: AsJson = False) -> None:
    """List the rules that hold, where each stands, and the silences."""
    from tandem.cli.alerts import list_rules

    list_rules(read_settings(), as_json=json)


@alerts_app.command("save")
def alerts_save(file: Annotated[Path, typer.Argument(help="TOML file with tables [[rules]].")]) -> None:
    """Write rules into the store; each stands in the place of the one of its name."""
    from tandem.cli.alerts import save_rules

    save_rules(read_settings(), file)


@alerts_app.command("remove")
def alerts_remove(name: Annotated[str, typer.Argument(help="Name of the rule.")]) -> None:
    """Take a rule of the store away; what it stood in the place of holds again."""
    from tandem.cli.alerts import remove_rule

    remove_rule(read_settings(), name)


@alerts_app.command("silence")
def alerts_silence(
    rule: Annotated[str, typer.Argument(help="Name of the rule, or * for all.")],
    span: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d.")] = "1h",
    reason: Annotated[str, typer.Option(help="Why; kept with it.")] = "",
    end: Annotated[bool, typer.Option("--end", help="End its silences instead.")] = False,
) -> None:
    """Tell nobody of a rule for a while, and do nothing about it."""
    from tandem.cli.alerts import silence

    silence(read_settings(), rule, span, reason, end=end)


@interventions_app.command("list")
def interventions_list(json: AsJson = False) -> None:
    """List what was done, what is proposed, and what people made of it."""
    from tandem.cli.alerts import list_interventions

    list_interventions(read_settings(), as_json=json)


@interventions_app.command("approve")
def interventions_approve(intervention: InterventionId) -> None:
    """Let a proposed one be made; also one that was withheld or failed."""
    from tandem.cli.alerts import decide

    decide(read_settings(), intervention, "approve")


@interventions_app.command("reject")
def interventions_reject(intervention: InterventionId) -> None:
    """Let a proposed one not be made."""
    from tandem.cli.alerts import decide

    decide(read_settings(), intervention, "reject")


@interventions_app.command("undo")
def interventions_undo(intervention: InterventionId) -> None:
    """Take back what one has done; it is not made again for a while."""
    from tandem.cli.alerts import decide

    decide(read_settings(), intervention, "undo")
