"""The options of `tandem eval gate`."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.options import AsJson
from tandem.settings import read_settings

EvalSetOption = Annotated[str, typer.Option("--set", help="Eval set, NAME or NAME@NUMBER.")]
CorporaOption = Annotated[
    list[str] | None, typer.Option("--corpus", help="Corpus to search, repeatable; all by default.")
]
ToleranceOption = Annotated[
    str,
    typer.Option(
        help="What decides, and by how much it may be worse, such as token_f1=0.02,unknown_answerable=0.05: a share, "
        "or of seconds and tokens a share of the baseline's. By default F1 or accuracy by 2 points, and “I don't "
        "know.” by 5."
    ),
]
WithoutOption = Annotated[
    bool, typer.Option("--without", help="Ask each question again with its documents left out of the search.")
]
LimitOption = Annotated[int | None, typer.Option(min=2, help="Questions, drawn at random; all by default.")]
AgainstOption = Annotated[
    list[Path] | None,
    typer.Option(help="Training set, or file of questions, that must not share any; repeatable."),
]
AtOnceOption = Annotated[int, typer.Option(min=1, max=256, help="Questions that are asked at a time.")]


def gate(
    candidate: Annotated[str, typer.Option(help="Recipe that is to serve, NAME or NAME@VERSION.")],
    eval_set: EvalSetOption,
    baseline: Annotated[str, typer.Option(help="Recipe that it must not be worse than.")] = "champion",
    corpus: CorporaOption = None,
    tolerance: ToleranceOption = "",
    without: WithoutOption = False,
    limit: LimitOption = None,
    at_once: AtOnceOption = 16,
    against: AgainstOption = None,
    summary: Annotated[
        Path | None,
        typer.Option(
            envvar="GITHUB_STEP_SUMMARY", help="File to add the decision to as Markdown; GitHub names one."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Tell whether a recipe may take another's place. Exit code 0: it may; 1: it is worse; 2: too few questions."""
    from tandem.cli.eval_gate import EXIT_CODES, GateWish, gate_recipe, tolerances_of

    wish = GateWish(
        candidate=candidate,
        eval_set=eval_set,
        baseline=baseline,
        corpora=tuple(corpus or ()),
        tolerances=tolerances_of(tolerance),
        without=without,
        limit=limit,
        at_once=at_once,
        against=tuple(against or ()),
    )
    result = gate_recipe(read_settings(), wish, summary=summary, as_json=json)
    raise typer.Exit(EXIT_CODES[result.standing])
