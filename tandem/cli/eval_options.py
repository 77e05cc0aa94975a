"""Options that several commands of evaluation have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Plant(StrEnum):
    """Passages that mislead."""

    noise = "noise"
    counterfactual = "counterfactual"


Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or its first letters.")]
Arm = Annotated[str, typer.Argument(help="RUN, or RUN:ARM where it has several.")]
Corpora = Annotated[
    list[str] | None, typer.Option("--corpus", help="Corpus to search, repeatable; all by default.")
]
Instruct = Annotated[
    list[str] | None,
    typer.Option(metavar="ARMS=TEXT", help="Said before each question to these arms, repeatable."),
]
Without = Annotated[
    bool, typer.Option("--without", help="Ask each question once more, with its documents left out.")
]
Repeats = Annotated[int, typer.Option(min=0, max=20, help="Ask each question so many times more.")]
Paraphrases = Annotated[bool, typer.Option("--paraphrases", help="Ask in the other words of the set, too.")]
Plants = Annotated[
    list[Plant] | None,
    typer.Option(help="Ask again with passages that mislead beside the corpus, in a corpus of their own."),
]
MaxTokens = Annotated[
    int | None, typer.Option(min=1, help="Most tokens of an answer; the recipe's by default.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Ask so many cases, drawn by the seed.")]
Seed = Annotated[int, typer.Option(min=0, help="Draws the cases, and goes to the engine.")]
AtOnce = Annotated[int, typer.Option(min=1, max=512, help="Questions under way at the same time.")]
Against = Annotated[
    list[Path] | None,
    typer.Option(help="Training set, or file of questions, that must not share any; repeatable."),
]
Force = Annotated[bool, typer.Option("--force", help="Run on cases that leak; reports say so.")]
Again = Annotated[bool, typer.Option("--again", help="Ask what failed once more.")]
Judge = Annotated[bool, typer.Option("--judge", help="Have the answers judged; settings: judge.")]
JudgeMeasures = Annotated[str, typer.Option(help="Measures of the judge, by commas; all by default.")]
Leading = Annotated[
    str | None, typer.Option(help="Measure that decides; accuracy for classes, else token_f1.")
]
Similarity = Annotated[
    bool, typer.Option(help="Embed texts: likeness of answers, and what a perfect search would have found.")
]
