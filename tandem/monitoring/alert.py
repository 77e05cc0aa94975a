"""An alert: one time that a rule fired, or is about to."""

from dataclasses import dataclass
from datetime import datetime

from tandem.monitoring.reading import Reading

PENDING, FIRING, RESOLVED = "pending", "firing", "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of a rule and a subject, from its first crossing until it was over."""

    id: str
    rule: str
    subject: str
    state: str
    """`pending` (not long enough yet), `firing` or `resolved`."""
    severity: str
    metric: str
    since: datetime
    """When the rule was first crossed."""
    seen_at: datetime
    """When it was last seen crossed."""
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    answers: int = 0
    limit: float | None = None
    before: float | None = None
    before_answers: int = 0
    proven: bool = True
    note: str = ""
    """Why it was resolved, where that is not because the value came back."""
    told: bool = False
    """Whether word of it was sent."""
    resent_at: datetime | None = None

    def figures(self) -> dict[str, float | int | str | None]:
        """What an intervention and the audit log keep of it."""
        return {
            "alert": self.id,
            "rule": self.rule,
            "metric": self.metric,
            "value": _short(self.value),
            "low": _short(self.low),
            "high": _short(self.high),
            "answers": self.answers,
            "limit": _short(self.limit),
            "before": _short(self.before),
            "before_answers": self.before_answers,
        }


READ = ("value", "low", "high", "answers", "limit", "before", "before_answers", "proven")
"""Fields that an alert takes from a reading."""


def read_fields(reading: Reading) -> dict[str, float | int | bool | None]:
    """Those fields of a reading."""
    return {name: getattr(reading, name) for name in READ}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
