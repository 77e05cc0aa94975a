"""What was observed in an experiment: a line of figures a unit, and the pairs of shadow mode."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Float, Row, Select, case, cast, func, literal, select
from sqlalchemy.orm import aliased

from tandem.store.experiment_records import ShadowPair, ShadowSide, UnitFigures
from tandem.store.observation_schema import observations
from tandem.store.schema import traces
from tandem.store.transactions import Transactions

_FIGURES = (
    "recipe",
    "outcome",
    "total_ms",
    "first_token_ms",
    "answer_chars",
    "citations",
    "cited",
    "quality",
    "cached",
)
SHADOW_MARK = "-"
"""Between the trace of an answer that was shown and the arm of the one that was not: the id of the latter."""


class ExperimentAnswers(Transactions):
    """The answers of an experiment, by its id."""

    def experiment_units(
        self,
        experiment: str,
        *,
        since: datetime | None = None,
        slow_ms: float | None = None,
        tenant: str | None = None,
    ) -> list[UnitFigures]:
        """What each unit saw in each arm, in the order in which they came; of one tenant, or of all.

        `slow` is the share of answers that took more than `slow_ms`.
        """
        mine = observations.c
        seen = mine.outcome != "failed"
        first = func.min(mine.at).label("first_at")
        query = select(
            mine.arm,
            mine.unit,
            first,
            func.count().label("answers"),
            _mean(mine.outcome == "failed").label("failed"),
            _mean(mine.outcome == "abstained", where=seen).label("abstained"),
            _mean(mine.total_ms > slow_ms, where=seen).label("slow")
            if slow_ms is not None
            else literal(None).label("slow"),
            func.avg(mine.cited).label("cited"),
            func.avg(mine.quality).label("quality"),
            func.avg(mine.first_token_ms).label("first_token_ms"),
        ).where(mine.experiment == experiment, mine.arm.is_not(None), mine.unit.is_not(None))
        if since is not None:
            query = query.where(mine.at >= since)
        if tenant is not None:
            query = query.where(mine.tenant == tenant)
        query = query.group_by(mine.arm, mine.unit).order_by(first, mine.arm, mine.unit)
        with self._reading() as connection:
            return [UnitFigures(**row._mapping) for row in connection.execute(query)]

    def shadow_pairs(
        self, experiment: str, *, tenant: str | None = None, words: bool = False, limit: int = 20_000
    ) -> list[ShadowPair]:
        """Questions that champion and challenger have both answered, the newest first; with `words`, what was asked
        and answered, as far as it is kept.
        """
        shown, hidden = aliased(observations), aliased(observations)
        pair_id = shown.c.trace_id + SHADOW_MARK + hidden.c.arm
        columns = [
            *(shown.c[name].label(name) for name in ("trace_id", "tenant", "at", "unit")),
            hidden.c.arm.label("arm"),
            *(shown.c[name].label(f"shown_{name}") for name in _FIGURES),
            *(hidden.c[name].label(f"shadow_{name}") for name in _FIGURES),
        ]
        query = _with_words(columns, shown, hidden) if words else select(*columns)
        query = query.where(
            hidden.c.experiment == experiment,
            hidden.c.shadow.is_(True),
            shown.c.experiment == experiment,
            shown.c.shadow.is_(False),
            hidden.c.trace_id == pair_id,
        )
        if tenant is not None:
            query = query.where(shown.c.tenant == tenant)
        query = query.order_by(shown.c.at.desc(), shown.c.trace_id).limit(limit)
        with self._reading() as connection:
            return [_pair(row, words=words) for row in connection.execute(query)]


def _with_words(columns: Sequence[ColumnElement[Any]], shown: Any, hidden: Any) -> Select[Any]:
    asked, told = aliased(traces), aliased(traces)
    return (
        select(*columns, asked.c.question, asked.c.answer.label("shown"), told.c.answer.label("told"))
        .outerjoin(asked, asked.c.id == shown.c.trace_id)
        .outerjoin(told, told.c.id == hidden.c.trace_id)
    )


def _mean(what: ColumnElement[bool], where: ColumnElement[bool] | None = None) -> ColumnElement[Any]:
    """Share of the rows of which `what` holds, of those of which `where` does."""
    value = case((what, 1.0), else_=0.0)
    return func.avg(cast(value if where is None else case((where, value), else_=None), Float))


def _pair(row: Row[Any], *, words: bool) -> ShadowPair:
    got = row._mapping
    sides = {
        side: ShadowSide(**{name: got[f"{side}_{name}"] for name in _FIGURES}) for side in ("shown", "shadow")
    }
    said = (
        {"question": got["question"], "shown_text": got["shown"], "shadow_text": got["told"]} if words else {}
    )
    return ShadowPair(got["trace_id"], got["tenant"], got["at"], got["arm"], got["unit"], **sides, **said)
