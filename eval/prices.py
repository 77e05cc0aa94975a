"""What answers of an arm are paid with: prices of tokens, by arm or model, or of an hour of the machine."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eval.running.facts import ArmFacts
from eval.suites.cost import Prices
from tandem.errors import InvalidRequestError

ALL = "all"
"""Name of the prices of arms that have none of their own."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    per_million_in: float | None = Field(None, alias="in")
    per_million_out: float | None = Field(None, alias="out")
    per_hour: float | None = Field(None, alias="hour")


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by the name of an arm, of a model, or `all`."""

    rows: Mapping[str, Prices] = field(default_factory=dict)

    def of(self, arm: ArmFacts) -> Prices:
        """Those of the arm, else of its model, else of all; none where nothing is known."""
        found = (self.rows.get(name) for name in (arm.name, arm.model, ALL))
        return next((one for one in found if one is not None), Prices())


def read_prices(file: Path) -> PriceTable:
    """The table of a TOML file: `currency`, and under the name of an arm, a model or `all` the prices `in` and `out`
    of a million tokens, or `hour` of the machine. Raises `InvalidRequestError`.
    """
    try:
        said = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequestError(f"{file} cannot be read: {error}", param="prices", hint=_FORM) from error
    currency = said.pop("currency", "")
    rows = {}
    for name, fields in said.items():
        try:
            row = _Row.model_validate(fields)
            rows[name] = Prices(**row.model_dump(), currency=str(currency))
        except (ValidationError, InvalidRequestError) as error:
            told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.message
            raise InvalidRequestError(f"{file}, [{name}]: {told}", param="prices", hint=_FORM) from error
    if not rows:
        raise InvalidRequestError(f"{file} has no prices", param="prices", hint=_FORM)
    return PriceTable(rows)


def price_of_tokens(text: str) -> PriceTable:
    """The table of `IN,OUT`, for all arms. Raises `InvalidRequestError`."""
    try:
        one, other = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidRequestError(
            f"{text!r} is not two prices",
            param="price",
            hint="Of a million tokens read, and written: 0.15,0.6",
        ) from error
    return PriceTable({ALL: Prices(one, other)})


_FORM = 'currency = "EUR"; [all] in = 0.1, out = 0.4; [tuned] hour = 2.5'
