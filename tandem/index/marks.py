"""What a document is marked with, as payload and back; which marks a search asks for."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tandem.errors import InvalidRequestError
from tandem.vocabulary import Marks, Range, Scalar, Scope

GROUPS = "groups"
"""Access groups of a chunk's document. A chunk that everybody may see has no such key."""
EXPIRY = "expires_at"
"""Seconds since 1970. A chunk that never expires has no such key, so that nothing is asked of it."""

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LARGEST = 2**53
"""Above it a double, which is what engines compare, stands for more than one whole number."""


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A chunk must hold one of these at `key`; with none of them, no chunk does.

    With `or_nothing`, one that holds nothing at `key` is as good.
    """

    key: str
    strings: tuple[str, ...] = ()
    flags: tuple[bool, ...] = ()
    ranges: tuple[Range, ...] = ()
    or_nothing: bool = False


def check_metadata_key(key: str) -> None:
    """Raises `InvalidRequestError` for a key that could name another place than its own.

    In both engines a dot, a bracket or a quote makes a path of a key.
    """
    if _KEY.fullmatch(key) is None:
        raise InvalidRequestError(
            f"{key[:80]!r} cannot be a metadata key",
            param="metadata",
            hint="A key has 1 to 64 letters (a-z, A-Z), digits, hyphens and underscores.",
        )


def check_metadata(metadata: Mapping[str, Scalar]) -> None:
    """Raises `InvalidRequestError` for a key or a number that the index cannot hold as it is."""
    for key, value in metadata.items():
        check_metadata_key(key)
        if (isinstance(value, int) and abs(value) > _LARGEST) or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            raise InvalidRequestError(
                f"The value of {key!r} is not a number that can be compared",
                param="metadata",
                hint="Numbers are finite, whole ones within 2^53; write a longer one as text.",
            )


def marks_payload(marks: Marks) -> dict[str, Any]:
    """Payload keys for what the document is marked with; none for what it is not."""
    payload: dict[str, Any] = {}
    if marks.tags:
        payload["tags"] = list(marks.tags)
    if marks.metadata:
        payload["metadata"] = dict(marks.metadata)
    if marks.expires_at is not None:
        payload[EXPIRY] = marks.expires_at.timestamp()
    return payload


def marks_of(payload: Mapping[str, Any]) -> Marks:
    """The way back; the moment of expiry comes in UTC."""
    expiry = payload.get(EXPIRY)
    return Marks(
        tags=tuple(payload.get("tags", ())),
        metadata=dict(payload.get("metadata", {})),
        expires_at=None if expiry is None else datetime.fromtimestamp(expiry, UTC),
    )


def conditions(scope: Scope) -> Iterator[AnyOf]:
    """What a scope asks of a chunk, all of it. Raises as `check_metadata_key` does."""
    yield AnyOf("tenant", (scope.tenant,))
    yield from conditions_within(scope)


def conditions_within(scope: Scope) -> Iterator[AnyOf]:
    """What a scope asks of a chunk of its tenant. Raises as `check_metadata_key` does."""
    if scope.corpora is not None:
        yield AnyOf("corpus", scope.corpora)
    if scope.groups is not None:
        yield AnyOf(GROUPS, scope.groups, or_nothing=True)
    for tag in scope.where.tags:
        yield AnyOf("tags", (tag,))
    for key, wanted in scope.where.metadata:
        check_metadata_key(key)
        yield _one_of(f"metadata.{key}", (wanted,) if isinstance(wanted, Range) else wanted)


def check_scope(scope: Scope) -> None:
    """Raises as `conditions` does, also where nobody would look at them."""
    for key, _ in scope.where.metadata:
        check_metadata_key(key)


def one_version(tenant: str | None, document_id: str, version: str) -> list[AnyOf]:
    """What the chunks of one version of a document have in common; no tenant where another part names it."""
    of_tenant = [] if tenant is None else [AnyOf("tenant", (tenant,))]
    return [*of_tenant, AnyOf("document_id", (document_id,)), AnyOf("version", (version,))]


def of_document(tenant: str | None, document_id: str) -> list[AnyOf]:
    """What the chunks of all versions of a document have in common; the tenant as in `one_version`."""
    of_tenant = [] if tenant is None else [AnyOf("tenant", (tenant,))]
    return [*of_tenant, AnyOf("document_id", (document_id,))]


def _one_of(key: str, wanted: tuple[Scalar | Range, ...]) -> AnyOf:
    """A number is asked for as a range from itself to itself: 3 and 3.0 are the same to us, not to engines."""
    strings, flags, ranges = [], [], []
    for one in wanted:
        if isinstance(one, str):
            strings.append(one)
        elif isinstance(one, bool):  # before the numbers: Python holds it for one
            flags.append(one)
        else:
            ranges.append(one if isinstance(one, Range) else Range(one, one))
    return AnyOf(key, tuple(strings), tuple(flags), tuple(ranges))


def meets(marks: Marks, scope: Scope) -> bool:
    """Whether the marks are what the scope asks for; the engines' filters must agree with this."""
    return set(scope.where.tags) <= set(marks.tags) and all(
        key in marks.metadata and _fits(marks.metadata[key], wanted) for key, wanted in scope.where.metadata
    )


def _fits(value: Scalar, wanted: tuple[Scalar, ...] | Range) -> bool:
    if not isinstance(wanted, Range):
        # Python holds True and 1 for equal; we do not.
        return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in wanted)
    if isinstance(value, str | bool):
        return False
    return (wanted.least is None or value >= wanted.least) and (wanted.most is None or value <= wanted.most)


def may_see(scope: Scope, groups: tuple[str, ...]) -> bool:
    """Whether whoever asks may see a document with these access groups."""
    return scope.groups is None or not groups or not set(groups).isdisjoint(scope.groups)


def is_over(marks: Marks, now: float) -> bool:
    """Whether the document's time is up."""
    return marks.expires_at is not None and marks.expires_at.timestamp() <= now
