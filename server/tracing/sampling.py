"""Which traces are kept, where not all are."""

from tandem.settings import TraceSettings


def is_sampled(trace_id: str, abstained: bool, degraded: bool, settings: TraceSettings) -> bool:
    """Whether the trace stays without a vote. The same id is always decided the same; it is random hex."""
    if settings.sample >= 1:
        return True
    always = settings.sample_always
    if (abstained and "abstained" in always) or (degraded and "degraded" in always):
        return True
    return int(trace_id[:8], 16) / 2**32 < settings.sample
