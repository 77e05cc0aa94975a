"""Options that say which traces are wanted."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"]


class Outcome(StrEnum):
    """What came of a question."""

    answered = "answered"
    abstained = "abstained"
    degraded = "degraded"


class Voted(StrEnum):
    """What users thought of the answer."""

    up = "up"
    down = "down"
    any = "any"
    none = "none"


Since = Annotated[datetime | None, typer.Option(help="From this moment on, in UTC.", formats=_FORMATS)]
Until = Annotated[datetime | None, typer.Option(help="Before this moment, in UTC.", formats=_FORMATS)]
OfRecipe = Annotated[str | None, typer.Option("--recipe", help="Recipe, NAME or NAME@VERSION.")]
OfOutcome = Annotated[Outcome | None, typer.Option("--outcome", help="What came of the question.")]
OfExperiment = Annotated[str | None, typer.Option("--experiment", help="Id of an experiment.")]
WithVotes = Annotated[Voted | None, typer.Option("--voted", help="Whether users voted on it, and how.")]
Tenant = Annotated[str, typer.Option(help="Name of the tenant.")]


def in_utc(moment: datetime | None) -> datetime | None:
    """As it was written, in UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC)
