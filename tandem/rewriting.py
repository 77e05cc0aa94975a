"""How a recipe rewrites a question before it searches: a follow-up made whole, further wordings of it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from tandem.prompts import PromptLibrary
from tandem.settings import AnswerSettings

_FOLDER = Path(__file__).parent / "prompts" / "rewriting"


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What is rewritten, and by what; the fields are those of `AnswerSettings`."""

    condense: Literal["join", "model", "off"] = "join"
    expand: Literal["off", "multi_query", "hyde"] = "off"
    wordings: int = 3
    timeout_s: float = 3.0
    prompts: tuple[tuple[str, str], ...] = ()
    """Names and versions of the prompts that are used."""


@cache
def rewriting_prompts() -> PromptLibrary:
    """The prompts `condense`, `multi_query` and `hyde`."""
    return PromptLibrary(_FOLDER)


def rewriting_of(chosen: AnswerSettings) -> Rewriting:
    """What the settings ask for."""
    used = ["condense"] if chosen.condense == "model" else []
    used += [chosen.expand] if chosen.expand != "off" else []
    versions = tuple((name, rewriting_prompts().version(name)) for name in used)
    return Rewriting(
        chosen.condense, chosen.expand, chosen.expand_wordings, chosen.rewrite_timeout_s, versions
    )
