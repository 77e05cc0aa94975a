"""Figures of a window of answers, counted by the database: a window may hold millions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, and_, case, func, select

from tandem.monitoring.figures import Figures, Moments, Quantiles
from tandem.store.alert_schema import quality_judgings
from tandem.store.observation_schema import observations
from tandem.store.transactions import Transactions

_MOST_RECIPES = 200
"""Recipes that are told apart at a time; those with most answers."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which answers count: of some time, and narrowed by every part that is set. Never those that nobody saw."""

    since: datetime
    until: datetime | None = None
    tenant: str | None = None
    recipe: str | None = None
    """`NAME@VERSION`, or `NAME` for all of its versions."""
    experiment: str | None = None
    not_recipe: str | None = None
    """As `recipe`, for those that are left out."""
    scored: bool = False
    """Only those with a sampled quality."""


class LiveFigures(Transactions):
    """Counts observations."""

    def figures(self, window: Window, *, durations: bool = True) -> Figures:
        """Of all answers of the window together; `recipe` is empty. Percentiles take longest, and may be left out."""
        where = _conditions(window)
        with self._reading() as connection:
            counted = _count(connection, where, by_recipe=False)
            if not counted:
                return Figures()
            return _with_quantiles(connection, counted[0], where) if durations else counted[0]

    def figures_by_recipe(self, window: Window) -> list[Figures]:
        """Those of each recipe, the one with most answers first."""
        where = _conditions(window)
        with self._reading() as connection:
            return [
                _with_quantiles(connection, one, [*where, observations.c.recipe == one.recipe])
                for one in _count(connection, where, by_recipe=True)
            ]

    def experiments_seen(self, since: datetime) -> list[str]:
        """Ids of the experiments that answers of this time belong to."""
        query = select(observations.c.experiment).where(
            observations.c.at >= since, observations.c.experiment.is_not(None)
        )
        with self._reading() as connection:
            return sorted(connection.execute(query.distinct()).scalars())


def _conditions(window: Window) -> list[ColumnElement[bool]]:
    columns = observations.c
    where = [columns.at >= window.since, columns.shadow.is_(False)]
    if window.until is not None:
        where.append(columns.at < window.until)
    if window.tenant is not None:
        where.append(columns.tenant == window.tenant)
    if window.experiment is not None:
        where.append(columns.experiment == window.experiment)
    if window.recipe is not None:
        where.append(_is_recipe(window.recipe))
    if window.scored:
        where.append(columns.quality.is_not(None))
    if window.not_recipe is not None:
        where.append(~_is_recipe(window.not_recipe))
    return where


def _is_recipe(label: str) -> ColumnElement[bool]:
    """A recipe of the settings is observed in the version that it had."""
    if "@" in label:
        return observations.c.recipe == label
    # A range, which an index serves: "@" is followed by "A".
    return and_(observations.c.recipe >= f"{label}@", observations.c.recipe < f"{label}A")


def _count(connection: Connection, where: Sequence[ColumnElement[bool]], *, by_recipe: bool) -> list[Figures]:
    columns = observations.c
    searched = columns.evidence.is_not(None)
    counts: dict[str, Any] = {
        "answers": func.count(),
        "abstained": _how_many(columns.outcome == "abstained"),
        "degraded": _how_many(columns.outcome == "degraded"),
        "failed": _how_many(columns.outcome == "failed"),
        "searched": _how_many(searched),
        "empty": _how_many(and_(searched, columns.passages == 0)),
        "cached": _how_many(columns.cached.is_(True)),
        "outside": _how_many(columns.outside.is_(True)),
        "tokens_in": func.coalesce(func.sum(columns.tokens_in), 0),
        "tokens_out": func.coalesce(func.sum(columns.tokens_out), 0),
        "quality_proven": _how_many(and_(columns.quality.is_not(None), quality_judgings.c.proven.is_(True))),
    }
    for name in ("cited", "quality"):
        value = columns[name]
        counts |= {
            f"{name}_n": func.count(value),
            f"{name}_total": func.coalesce(func.sum(value), 0.0),
            f"{name}_squares": func.coalesce(func.sum(value * value), 0.0),
        }
    found = [expression.label(name) for name, expression in counts.items()]
    source = observations.outerjoin(quality_judgings, quality_judgings.c.trace_id == columns.trace_id)
    query = select(*([columns.recipe] if by_recipe else []), *found).select_from(source).where(*where)
    if by_recipe:
        query = query.group_by(columns.recipe).order_by(func.count().desc(), columns.recipe)
    return [_figures(dict(row._mapping)) for row in connection.execute(query.limit(_MOST_RECIPES))]


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _figures(row: dict[str, Any]) -> Figures:
    moments: dict[str, Any] = {
        name: Moments(*(row.pop(f"{name}_{part}") for part in ("n", "total", "squares")))
        for name in ("cited", "quality")
    }
    return Figures(**row, **moments)


def _with_quantiles(
    connection: Connection, counted: Figures, where: Sequence[ColumnElement[bool]]
) -> Figures:
    # What failed was quick or slow for reasons of its own.
    came = [*where, observations.c.outcome != "failed"]
    return replace(
        counted,
        first_token=_quantiles(connection, observations.c.first_token_ms, came),
        total=_quantiles(connection, observations.c.total_ms, came),
    )


def _quantiles(
    connection: Connection, column: Column[Any], where: Sequence[ColumnElement[bool]]
) -> Quantiles:
    """By nearest rank, which every database can say: the value at a place of the sorted ones."""
    there = [*where, column.is_not(None)]
    n = connection.execute(select(func.count()).select_from(observations).where(*there)).scalar_one()
    if not n:
        return Quantiles()
    ordered = select(column).where(*there).order_by(column).limit(1)
    at = {
        share: connection.execute(ordered.offset(max(0, ceil(share * n) - 1))).scalar_one()
        for share in (0.5, 0.95)
    }
    return Quantiles(n, at[0.5], at[0.95])
