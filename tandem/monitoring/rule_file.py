"""Rules in a TOML file: one table `[[rules]]` each."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tandem.errors import InvalidRequestError, SettingsError
from tandem.monitoring.rule import AlertRule


def read_rules(file: Path) -> tuple[AlertRule, ...]:
    """All rules of the file. Raises `SettingsError`, naming the rule, for one that cannot be."""
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The rules in {file} cannot be read: {error}", param="alerts.rules") from error
    tables = found.get("rules", [])
    if set(found) - {"rules"} or not isinstance(tables, list):
        raise SettingsError(f"{file} holds more than tables [[rules]]", param="alerts.rules")
    try:
        rules = tuple(rule_of(table) for table in tables)
    except InvalidRequestError as error:
        raise SettingsError(f"{file}: {error.message}", param="alerts.rules") from error
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingsError(f"{file} has {twice[0]} twice", param="alerts.rules")
    return rules


def rule_of(fields: Mapping[str, Any]) -> AlertRule:
    """A rule of its fields. Raises `InvalidRequestError`, naming rule and field."""
    try:
        return AlertRule.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        name = fields.get("name", "?") if isinstance(fields, Mapping) else "?"
        raise InvalidRequestError(
            f"The rule {name!r}: {f'{key}: ' if key else ''}{what}", param=key or None
        ) from error
