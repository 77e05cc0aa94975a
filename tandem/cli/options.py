"""Options that several commands have."""

from enum import StrEnum
from typing import Annotated

import typer

Corpus = Annotated[str, typer.Option(help="Name of the corpus.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Engine(StrEnum):
    """What does an ingestion."""

    local = "local"
    ray = "ray"


EngineOption = Annotated[
    Engine, typer.Option(help="What does the work: this machine's server or process, or a Ray cluster.")
]
