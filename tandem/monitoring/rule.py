"""A rule: what is watched, of whom, when it is too much, and what is done then."""

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tandem.monitoring.measures import MEASURES, MeasureName

InterventionKind = Literal["rollback", "stop_experiment", "degrade", "retrain"]
Severity = Literal["info", "warning", "critical"]

_SCOPE = re.compile(r"champion|experiments|all|recipe:[a-z0-9][a-z0-9_-]{0,63}(?:@[0-9a-f]{8,64})?")
_NEEDED: dict[str, str] = {"rollback": "champion", "stop_experiment": "experiments"}
"""The scope without which an intervention would not know what to act on."""


class AlertRule(BaseModel):
    """One rule. It says exactly one of `above`, `below` and `worse_by`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    metric: MeasureName
    scope: str = Field(
        "all",
        max_length=140,
        description="`champion`; `experiments` (each one's challengers); `all`; or `recipe:NAME` with or without "
        "`@VERSION`.",
    )
    window_s: float = Field(900, ge=1, le=30 * 86_400, description="Answers of so many seconds count.")
    least: int = Field(30, ge=0, le=1_000_000, description="Below so many values nothing is concluded.")
    above: float | None = Field(None, description="Too much is above this.")
    below: float | None = Field(None, description="Too little is below this.")
    worse_by: float | None = Field(
        None,
        gt=0,
        description="Worse than the champion before (or than the champion, in an experiment) by at least this: points "
        "of a share or a score, with an interval of 99.9% that leaves no doubt; of milliseconds, a share of them.",
    )
    within_s: float = Field(
        86_400, gt=0, description="With `worse_by`: so long after a promotion it is blamed for what is worse."
    )
    for_s: float = Field(0, ge=0, le=86_400, description="It must be so for this long before it fires.")
    cool_down_s: float = Field(3_600, ge=0, description="After it fired, it does not fire again for so long.")
    severity: Severity = "warning"
    intervention: InterventionKind | None = Field(None, description="What is done when it fires.")
    ask_first: bool | None = Field(
        None, description="Propose the intervention and wait; unset, `alerts.ask_first` decides."
    )
    enabled: bool = True

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if sum(one is not None for one in (self.above, self.below, self.worse_by)) != 1:
            raise ValueError("say one of above, below and worse_by")
        if not _SCOPE.fullmatch(self.scope):
            raise ValueError("scope is champion, experiments, all or recipe:NAME")
        if self.worse_by is not None:
            if self.scope not in ("champion", "experiments"):
                raise ValueError("worse_by goes with the scope champion or experiments")
            if not MEASURES[self.metric].comparable:
                raise ValueError(f"{self.metric} is compared with nothing: say above or below")
        if self.metric == "drift_alarms" and self.scope != "all":
            raise ValueError("drift_alarms goes with the scope all")
        needed = _NEEDED.get(self.intervention or "")
        if needed is not None and self.scope != needed:
            raise ValueError(f"{self.intervention} goes with the scope {needed}")
        return self
