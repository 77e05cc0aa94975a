"""Names of access groups, and which of them a caller may give."""

import re
from collections.abc import Sequence

from tandem.errors import ForbiddenError, InvalidRequestError
from tandem.vocabulary import Caller

_MOST = 100
_NAME = re.compile(r"[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]{0,198}[^\x00-\x20\x7f])?")


def is_group(name: str) -> bool:
    """Whether it can be a group's name: 1 to 200 characters, no control character, no blank at either end.

    `*` is none: where a key is made it stands for all groups.
    """
    return name != "*" and _NAME.fullmatch(name) is not None


def checked_groups(names: Sequence[str]) -> tuple[str, ...]:
    """The groups, sorted, each once. Raises `InvalidRequestError` for a name that cannot be one."""
    wanted = tuple(sorted(set(names)))
    for name in wanted:
        if not is_group(name):
            raise InvalidRequestError(
                f"{name[:80]!r} cannot be the name of an access group",
                param="groups",
                hint="1 to 200 characters, none of them a control character, no blank at either end.",
            )
    if len(wanted) > _MOST:
        raise InvalidRequestError(f"A document has at most {_MOST} access groups", param="groups")
    return wanted


def check_own(caller: Caller, groups: Sequence[str]) -> None:
    """Raises `ForbiddenError` where a caller that has groups names others.

    It would write what it cannot read, and learn from the report whether others have a document that says the
    same.
    """
    others = [] if caller.groups is None else sorted(set(groups) - set(caller.groups))
    if others:
        raise ForbiddenError(
            f"These access groups are not yours: {', '.join(others)}",
            param="groups",
            hint="A key without groups may name any.",
        )
