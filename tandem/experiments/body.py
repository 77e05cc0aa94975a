"""An experiment as it is sent and printed."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from tandem.experiments.results import Result
from tandem.experiments.shadow import agreement_of
from tandem.store import Experiment, ExperimentState, Metric, ShadowPair
from tandem.store.experiment_records import Guardrail


class ChallengerBody(BaseModel):
    """A challenger and its share of the units, now and at most."""

    arm: str
    recipe: str
    share: float
    final: float


class ExperimentBody(BaseModel):
    """An experiment; `result` where it was asked for by name."""

    id: str
    name: str
    state: ExperimentState
    mode: Literal["split", "shadow"]
    champion: str | None
    """`NAME@VERSION` of what it compares with; none before the start."""
    challengers: list[ChallengerBody]
    unit: Literal["user", "conversation", "request"]
    tenants: list[str] | None
    corpora: list[str] | None
    metric: Metric
    direction: Literal["higher", "lower"]
    smallest: float
    guardrails: list[Guardrail]
    promotes: bool
    max_days: float
    max_units: int | None
    author: str
    created_at: datetime
    started_at: datetime | None
    counted_from: datetime | None
    """Since when answers decide: since every challenger has its final share."""
    ended_at: datetime | None
    why: str
    winner: str | None
    promoted_at: datetime | None
    promotion_fault: str
    dropped: int
    """Shadow answers that were not made because there were too many to make."""
    result: Result | None = None

    @classmethod
    def of(
        cls, experiment: Experiment, result: Result | None = None, *, tenant: str | None = None
    ) -> "ExperimentBody":
        """What may be seen by somebody of `tenant` alone, or by whoever serves every tenant (`None`)."""
        plan = experiment.plan
        tenants = [one for one in plan.tenants or () if tenant in (None, one)]
        return cls(
            id=experiment.id,
            name=experiment.name,
            state=experiment.state,
            mode=plan.mode,
            champion=experiment.champion,
            challengers=[
                ChallengerBody(
                    arm=one.arm,
                    recipe=one.recipe,
                    share=experiment.share(one.arm) if experiment.started_at else one.share,
                    final=one.final,
                )
                for one in plan.challengers
            ],
            unit=plan.unit,
            tenants=tenants if plan.tenants is not None else None,
            corpora=list(plan.corpora) if plan.corpora is not None else None,
            metric=plan.metric,
            direction="higher" if plan.higher_is_better else "lower",
            smallest=plan.smallest,
            guardrails=list(plan.guardrails),
            promotes=plan.promotes,
            max_days=plan.max_days,
            max_units=plan.max_units,
            author=experiment.author,
            created_at=experiment.created_at,
            started_at=experiment.started_at,
            counted_from=experiment.counted_from,
            ended_at=experiment.ended_at,
            why=experiment.why,
            winner=experiment.winner,
            promoted_at=experiment.promoted_at,
            promotion_fault=experiment.promotion_fault,
            dropped=experiment.dropped,
            result=result,
        )


class ShadowPairBody(BaseModel):
    """A question with both answers; the words are `None` where they are kept no longer."""

    trace_id: str
    at: datetime
    arm: str
    question: str | None
    shown: str | None
    """The champion's answer, which the user saw."""
    shadow: str | None
    """The challenger's, which nobody saw."""
    shown_outcome: str
    shadow_outcome: str
    shown_ms: float
    shadow_ms: float
    agreement: float | None
    """F1 of the words of both answers."""


def pair_body(pair: ShadowPair) -> ShadowPairBody:
    """A pair as it is sent."""
    return ShadowPairBody(
        trace_id=pair.trace_id,
        at=pair.at,
        arm=pair.arm,
        question=pair.question,
        shown=pair.shown_text,
        shadow=pair.shadow_text,
        shown_outcome=pair.shown.outcome,
        shadow_outcome=pair.shadow.outcome,
        shown_ms=pair.shown.total_ms,
        shadow_ms=pair.shadow.total_ms,
        agreement=agreement_of(pair),
    )
