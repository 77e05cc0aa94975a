"""The one place where conditions become a filter of Qdrant Edge."""

from collections.abc import Iterable

import numpy as np
import qdrant_edge as qe

from tandem.index.marks import EXPIRY, AnyOf, one_version


def filter_of(
    wanted: Iterable[AnyOf], now: float | None = None, besides: Iterable[tuple[str, str]] = ()
) -> qe.Filter:
    """All of `wanted`, none of `besides` (document, version); with `now`, what is over is left out."""
    must = [_condition(one) for one in wanted]
    out: list[object] = [] if now is None else [qe.FieldCondition(EXPIRY, range=qe.RangeFloat(lte=now))]
    out += [filter_of(one_version(None, document, version)) for document, version in sorted(besides)]
    return qe.Filter(must=must, must_not=out)  # type: ignore[arg-type]


def _condition(one: AnyOf) -> qe.FieldCondition | qe.Filter:
    # The plainest form counts: it takes 0.1 instead of 0.3 microseconds a chunk.
    if len(one.strings) == 1 and not (one.flags or one.ranges or one.or_nothing):
        return qe.FieldCondition(one.key, match=qe.MatchValue(one.strings[0]))
    accepted = [qe.FieldCondition(one.key, match=qe.MatchAny(list(one.strings)))]
    # The binding takes Python's own bool for a number, and NumPy's for what it is.
    accepted += [qe.FieldCondition(one.key, match=qe.MatchValue(np.bool_(flag))) for flag in one.flags]  # type: ignore[arg-type]
    accepted += [
        qe.FieldCondition(one.key, range=qe.RangeFloat(gte=each.least, lte=each.most)) for each in one.ranges
    ]
    nothing = [qe.IsEmptyCondition(one.key)] if one.or_nothing else []
    return qe.Filter(should=[*nothing, *accepted])
