"""Commands of the evaluation."""

import typer

from tandem.cli.eval_judge import eval_judge

eval_app = typer.Typer(no_args_is_help=True, help="Measures of recipes, and of the judge.")


@eval_app.callback()
def _eval() -> None:
    """A group, also while it has one command."""


eval_app.command("judge")(eval_judge)
