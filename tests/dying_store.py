"""A store that stops at a chosen step, as a process does that is killed there."""

from collections.abc import Callable
from typing import Any

from failing_index import FailingIndex

from tandem.errors import StorageError
from tandem.store import Store


class DyingStore:
    """Passes calls on to a real store until the step named `step`, `METHOD NUMBER`; then it is dead.

    It dies together with `index`: whichever of them stops first. `after` tells whether the step itself
    still reaches the real store.
    """

    def __init__(self, inner: Store, index: FailingIndex, step: str, *, after: bool) -> None:
        self._inner = inner
        self._index = index
        self._step = step
        self._after = after
        self._calls: dict[str, int] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real = getattr(self._inner, name)

        def call(*arguments: object, **named: object) -> Any:
            if self._index.dead:
                raise StorageError("dead")
            self._calls[name] = self._calls.get(name, 0) + 1
            stops = f"{name} {self._calls[name]}" == self._step
            outcome = real(*arguments, **named) if not stops or self._after else None
            if stops:
                self._index.dead = True
                raise StorageError("killed here")
            return outcome

        return call
