"""Feedback in figures: users are counted, not votes, so that one who votes often moves nothing by it."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from tandem.store.feedback_records import ArmFeedback, FeedbackScore
from tandem.store.feedback_schema import feedback
from tandem.store.observation_schema import observations
from tandem.store.transactions import Transactions

_COUNTED = feedback.c.state != "rejected"
_VALUES = {"up": 1.0, "down": 0.0}


class FeedbackFigures(Transactions):
    """Counts what is not rejected, by the newest vote of each user."""

    def feedback_score(
        self,
        *,
        recipe: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        tenant: str | None = None,
    ) -> FeedbackScore:
        """How many users' newest vote on a recipe, `NAME@VERSION` or `NAME`, is up, and how many users' is down.

        Of votes from `since` on and before `until`; of all recipes and tenants where none is named.
        """
        which = _COUNTED
        if recipe is not None:
            which &= _of_recipe(recipe)
        if since is not None:
            which &= feedback.c.at >= since
        if until is not None:
            which &= feedback.c.at < until
        if tenant is not None:
            which &= feedback.c.tenant == tenant
        newest = func.row_number().over(
            partition_by=feedback.c.voter, order_by=(feedback.c.at.desc(), feedback.c.id)
        )
        ranked = select(feedback.c.verdict, newest.label("place")).where(which).subquery()
        query = select(ranked.c.verdict, func.count()).where(ranked.c.place == 1).group_by(ranked.c.verdict)
        with self._reading() as connection:
            counts = dict(connection.execute(query).tuples().all())
        return FeedbackScore(counts.get("up", 0), counts.get("down", 0))

    def feedback_of_experiment(self, experiment: str, since: datetime | None = None) -> list[ArmFeedback]:
        """The newest vote of each user on each arm, up or down, the oldest first; of shadows there is none.

        A row for each user and arm: a unit that is a conversation may stand there more than once, and so may
        one whose users share it.
        """
        which = _COUNTED & (observations.c.experiment == experiment) & observations.c.arm.is_not(None)
        if since is not None:
            which &= feedback.c.at >= since
        newest = func.row_number().over(
            partition_by=(observations.c.arm, feedback.c.voter),
            order_by=(feedback.c.at.desc(), feedback.c.id),
        )
        unit = func.coalesce(observations.c.unit, feedback.c.voter)
        ranked = (
            select(
                observations.c.arm,
                unit.label("unit"),
                feedback.c.verdict,
                feedback.c.at,
                newest.label("place"),
            )
            .join(observations, observations.c.trace_id == feedback.c.trace_id)
            .where(which, observations.c.shadow.is_(False))
            .subquery()
        )
        query = (
            select(ranked.c.arm, ranked.c.unit, ranked.c.verdict, ranked.c.at)
            .where(ranked.c.place == 1, ranked.c.verdict.in_(tuple(_VALUES)))
            .order_by(ranked.c.at, ranked.c.arm, ranked.c.unit)
        )
        with self._reading() as connection:
            rows = connection.execute(query)
            return [ArmFeedback(arm, unit, _VALUES[verdict], at) for arm, unit, verdict, at in rows]


def _of_recipe(recipe: str) -> ColumnElement[bool]:
    if "@" in recipe:
        return feedback.c.recipe == recipe
    return feedback.c.recipe.startswith(f"{recipe}@", autoescape=True)
