"""Which rules hold: those of Tandem, those of the file in their place, those of the store in the place of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import structlog

from tandem.errors import InvalidRequestError, NotFoundError
from tandem.monitoring.builtin_rules import BUILTIN_RULES
from tandem.monitoring.rule import AlertRule
from tandem.monitoring.rule_file import read_rules, rule_of
from tandem.settings import AlertSettings
from tandem.store import Store

log = structlog.get_logger(__name__)

MOST_RULES = 200
"""With rules of the store; each is looked at every few seconds."""


@dataclass(frozen=True, slots=True)
class KnownRule:
    """A rule, and where it stands."""

    rule: AlertRule
    source: Literal["builtin", "file", "store"]
    author: str = ""


def fixed_rules(settings: AlertSettings) -> tuple[KnownRule, ...]:
    """Rules that do not change while a server runs. Raises `SettingsError` for a file that cannot be read."""
    found = {one.name: KnownRule(one, "builtin") for one in BUILTIN_RULES} if settings.builtin else {}
    if settings.rules is not None:
        found |= {one.name: KnownRule(one, "file") for one in read_rules(settings.rules)}
    return tuple(found.values())


def rules_in_force(fixed: Sequence[KnownRule], store: Store) -> list[KnownRule]:
    """All rules, also those that are switched off; blocking. One that a newer Tandem wrote is passed over."""
    found = {one.rule.name: one for one in fixed}
    for row in store.stored_rules():
        try:
            found[row.name] = KnownRule(rule_of(row.definition), "store", row.author)
        except InvalidRequestError as error:
            log.warning("alert_rule_not_understood", rule=row.name, error=error.message)
    return sorted(found.values(), key=lambda one: one.rule.name)


def check_rule_name(name: str, known: Sequence[KnownRule]) -> None:
    """Raises `NotFoundError` for a name that is no rule's; `*` is all of them."""
    names = [one.rule.name for one in known]
    if name != "*" and name not in names:
        raise NotFoundError(f"There is no rule {name!r}", param="rule", hint=f"Known: {', '.join(names)}.")


def check_room(name: str, known: Sequence[KnownRule]) -> None:
    """Raises `InvalidRequestError` where one more rule would be too many."""
    if len(known) >= MOST_RULES and all(one.rule.name != name for one in known):
        raise InvalidRequestError(f"There are {MOST_RULES} rules already", param="rule")
