"""How long each step of one answer took."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Timings:
    """A stopwatch with named steps, in milliseconds."""

    def __init__(self) -> None:
        self._begun = perf_counter()
        self._steps: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the block under `name`."""
        begun = perf_counter()
        try:
            yield
        finally:
            self.add(name, perf_counter() - begun)

    def add(self, name: str, seconds: float) -> None:
        """More time for `name`, measured elsewhere."""
        self._steps[name] = self._steps.get(name, 0.0) + seconds * 1000

    def mark(self, name: str) -> None:
        """Note under `name` the time since the question came in, once."""
        self._steps.setdefault(name, (perf_counter() - self._begun) * 1000)

    def finish(self) -> dict[str, float]:
        """All steps and `total`, rounded to 0.01 ms."""
        self._steps["total"] = (perf_counter() - self._begun) * 1000
        return {name: round(value, 2) for name, value in self._steps.items()}
