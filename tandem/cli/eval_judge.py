"""`tandem eval judge`: its options. What it does stands in `judging`, imported late so that help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.settings import read_settings


def eval_judge(
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            help="Your own judged answers, JSON lines, beside the bundled ones, repeatable: question, passages, "
            "answer, reference, faithful, correct, relevant."
        ),
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="Ask about --labels alone.")] = False,
    model: Annotated[str | None, typer.Option(help="Model to judge; settings: judge.model.")] = None,
    address: Annotated[
        str | None,
        typer.Option(help="OpenAI-compatible URL with its /v1; settings: judge.address, else the engine."),
    ] = None,
    measures: Annotated[
        str,
        typer.Option(
            help="Measures to compare to labels, by commas: of faithfulness, response_groundedness, "
            "answer_accuracy, factual_correctness, answer_relevancy."
        ),
    ] = "faithfulness,answer_accuracy,answer_relevancy",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many questions, with all their answers.")
    ] = None,
    again: Annotated[int, typer.Option(min=0, help="Answers about which it is asked a second time.")] = 24,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask anew what it has said in an earlier measuring.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure a judge: its agreement with people, with itself, and whether order or length of answers sway it."""
    from tandem.cli.judging import Wanted, measure_judge
    from tandem.cli.playground import listed

    wanted = Wanted(
        labels=tuple(labels or ()),
        only=only,
        model=model,
        address=address,
        measures=tuple(listed(measures, str, "--measures")),
        limit=limit,
        again=again,
        fresh=fresh,
    )
    measure_judge(read_settings(), wanted, as_json=as_json)
