"""How the limits stand, in the headers that OpenAI's clients know."""

from collections.abc import Sequence

from server.limiting.counting import Level

_MINUTE = 60


def headers_of(requests: Sequence[Level], tokens: Sequence[Level], asides: Sequence[int]) -> dict[str, str]:
    """`x-ratelimit-...` of whichever limit leaves least: the key's or the tenant's.

    This request is counted in them. `asides` are the tokens set aside for questions that are being answered.
    """
    scarce = min(requests, key=lambda one: one.left)
    left, of = min(
        ((max(one.left - aside, 0), one) for one, aside in zip(tokens, asides, strict=True)),
        key=lambda each: each[0],
    )
    return {
        "x-ratelimit-limit-requests": str(scarce.limit),
        "x-ratelimit-remaining-requests": str(max(scarce.left - 1, 0)),
        "x-ratelimit-reset-requests": _duration(scarce.reset_s or _MINUTE),
        "x-ratelimit-limit-tokens": str(of.limit),
        "x-ratelimit-remaining-tokens": str(left),
        "x-ratelimit-reset-tokens": _duration(of.reset_s or _MINUTE),
    }


def _duration(seconds: float) -> str:
    """As OpenAI writes it: `850ms`, `12.5s`, `1m30s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}m{rest:.0f}s" if minutes else f"{rest:.3g}s"
