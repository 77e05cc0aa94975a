"""Sampling keeps the share that it is told, always the same traces, and those that always stay."""

from uuid import UUID

import pytest

from server.tracing.sampling import is_sampled
from tandem.settings import TraceSettings

IDS = [UUID(int=(n * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128).hex for n in range(4_000)]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_is_kept(share: float) -> None:
    settings = TraceSettings(sample=share)
    kept = sum(is_sampled(one, False, False, settings) for one in IDS) / len(IDS)
    assert abs(kept - share) < 0.03
    assert [is_sampled(one, False, False, settings) for one in IDS[:50]] == [
        is_sampled(one, False, False, settings) for one in IDS[:50]
    ]


def test_what_always_stays_is_by_the_settings() -> None:
    settings = TraceSettings(sample=0, sample_always=("abstained",))
    assert is_sampled(IDS[1], True, False, settings)
    assert not is_sampled(IDS[1], False, True, settings)
    assert is_sampled(IDS[1], False, True, TraceSettings(sample=0, sample_always=("degraded",)))
