"""What the store hands out of interventions, silences, deliveries and requests to retrain."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Silence:
    """Until when nobody is told of a rule (`*` for all of them), and nothing is done about it."""

    id: str
    rule: str
    until: datetime
    author: str
    reason: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something to be sent, at least once."""

    id: str
    channel: str
    """`webhook` or `alertmanager`."""
    payload: Any
    tries: int
    """Those before this one."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Intervention:
    """Something that was done about an alert, or is to be, or is only proposed."""

    id: str
    kind: str
    cause: str
    """What it is against, such as `champion change 7`: there is one of a kind for a cause."""
    subject: str
    """Whom it concerns, such as a recipe's label."""
    state: str
    """`proposed`, `due`, `acting`, `done`, `failed`, `withheld`, `rejected` or `undone`."""
    alert: str
    rule: str
    figures: dict[str, Any]
    """Of the alert, when it was made."""
    target: dict[str, Any]
    """What is acted on, such as the champion that is expected to serve."""
    made_at: datetime
    claimed_at: datetime | None = None
    done_at: datetime | None = None
    decided_by: str | None = None
    """Who approved, rejected or undid it."""
    decided_at: datetime | None = None
    result: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    """Why it failed or was withheld."""


@dataclass(frozen=True, slots=True)
class RetrainingRequest:
    """An adapter should be trained anew; empty stands for whichever there is."""

    id: str
    adapter: str
    reason: str
    author: str
    made_at: datetime
    state: str
    """`open`, `met` or `withdrawn`."""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule as somebody has written it into the store."""

    name: str
    definition: dict[str, Any]
    author: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Guards:
    """What keeps an intervention from being made."""

    rollbacks: int
    """Most in `rollbacks_s` seconds."""
    rollbacks_s: float
    respect_s: float
    """So many seconds nothing is done again that somebody undid or rejected."""
