"""How a recipe rewrites a question before it searches: a follow-up made whole, further wordings of it."""

from dataclasses import dataclass, replace
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

    @property
    def scored_by(self) -> str:
        """What makes the scores of passages that further searches found, too; empty where there are none."""
        return "" if self.expand == "off" else f"{self.expand}, fused by rank"


@cache
def rewriting_prompts() -> PromptLibrary:
    """The prompts `condense`, `multi_query` and `hyde`."""
    return PromptLibrary(_FOLDER)


def rewriting_of(chosen: AnswerSettings) -> Rewriting:
    """What the settings ask for."""
    return with_prompts(
        Rewriting(chosen.condense, chosen.expand, chosen.expand_wordings, chosen.rewrite_timeout_s)
    )


def with_prompts(rewriting: Rewriting) -> Rewriting:
    """It with the prompts that it uses: their versions are part of the recipe's."""
    used = ["condense"] if rewriting.condense == "model" else []
    used += [rewriting.expand] if rewriting.expand != "off" else []
    return replace(rewriting, prompts=tuple((name, rewriting_prompts().version(name)) for name in used))
