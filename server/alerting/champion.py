"""Who the champion is, since when, and whom it took the place of."""

from dataclasses import dataclass
from datetime import datetime

from tandem.store import Store


@dataclass(frozen=True, slots=True)
class Reign:
    """The champion by the store. `label` is `NAME`, or `NAME@VERSION` where it is held at one."""

    label: str
    change: int = 0
    """Number of the change that made it; 0 for the champion of the settings."""
    since: datetime | None = None
    before: str | None = None
    """Label of the champion that a rollback would bring back; `None` also after a rollback: what it went back from is
    no measure of it.
    """


def reign_of(store: Store, initial: str) -> Reign:
    """The champion that holds now; `initial` is that of the settings. Blocking."""
    history = store.champion_history(limit=2)
    if not history:
        return Reign(initial)
    now = history[0]
    promoted = len(history) == 2 and now.undoes_to == history[1].number
    return Reign(now.label, now.number, now.changed_at, history[1].label if promoted else None)
