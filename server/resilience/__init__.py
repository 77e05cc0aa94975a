"""What keeps one server useful while a part of it fails, and while it stops."""

from dataclasses import dataclass, field

from server.resilience.drain import Drain
from server.resilience.late_writes import LateWrites
from tandem.breaker import Breaker

_FAILURES = 5
_RETRY_S = 5.0


@dataclass(slots=True)
class Resilience:
    """The living parts of it; one for each server process."""

    drain: Drain = field(default_factory=Drain)
    writes: LateWrites = field(default_factory=LateWrites)
    search: Breaker = field(default_factory=lambda: Breaker(_FAILURES, _RETRY_S))
    """Of index and store, where questions are searched for."""
    passages_only: bool = False
    """Recipes that retrieve answer with passages alone, though the engine could be asked: an intervention."""


__all__ = ["Drain", "LateWrites", "Resilience"]
