"""Commands of evaluation. What they do stands in modules of their own, imported late so that help is quick."""

import typer

from tandem.cli.eval_gate_command import gate
from tandem.cli.eval_sets_app import sets_app

eval_app = typer.Typer(
    no_args_is_help=True, help="Evaluation: sets of questions, and what recipes make of them."
)
eval_app.add_typer(sets_app, name="sets")
eval_app.command("gate")(gate)
