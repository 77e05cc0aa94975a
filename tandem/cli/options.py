"""Options that several commands have."""

from enum import StrEnum
from typing import Annotated

import typer

from tandem.access_groups import checked_groups
from tandem.errors import InvalidRequestError

Corpus = Annotated[str, typer.Option(help="Name of the corpus.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


Groups = Annotated[
    list[str] | None,
    typer.Option("--group", help="Access group that may see it; again for more. Else it keeps its own."),
]
Everyone = Annotated[
    bool, typer.Option("--everyone", help="Take access groups away: all of the tenant may see it.")
]


class Engine(StrEnum):
    """What does an ingestion."""

    local = "local"
    ray = "ray"


EngineOption = Annotated[
    Engine, typer.Option(help="What does the work: this machine's server or process, or a Ray cluster.")
]


def named_groups(groups: list[str] | None, everyone: bool) -> tuple[str, ...] | None:
    """The access groups that a command names, none for everyone; `None` where it says nothing of them.

    Raises `InvalidRequestError` for both, and for what cannot be a group.
    """
    if groups and everyone:
        raise InvalidRequestError("Name access groups or --everyone, not both", param="group")
    return checked_groups(groups or ()) if groups or everyone else None
