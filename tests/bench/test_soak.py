"""The slope of a server's memory tells growth from what is given back."""

import pytest

from bench.load import Memory
from bench.soak import slope


def _samples(own: list[float]) -> list[Memory]:
    return [Memory(place / 2, 600.0, size) for place, size in enumerate(own)]


def test_memory_that_grows_steadily_grows_by_its_rate() -> None:
    # Twice a second: 1.5 MiB a minute.
    assert slope(_samples([400 + 1.5 * place / 120 for place in range(720)])) == pytest.approx(1.5)


def test_what_is_given_back_after_some_seconds_is_no_growth() -> None:
    """Five seconds of each thirty, the last of them at the end."""
    assert slope(_samples(([400.0] * 50 + [420.0] * 10) * 12)) == pytest.approx(0)
