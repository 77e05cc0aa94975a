"""What the store hands out of prompts, recipes and the champion."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

SHORT = 12
"""Hex digits of a hash by which a version is called."""


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One text that a prompt has had."""

    name: str
    number: int
    hash: str
    """SHA-256 of the text, in hex."""
    author: str
    note: str
    created_at: datetime
    text: str
    tags: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name and number, such as `rag@3`."""
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True)
class RecipeVersion:
    """One definition that a recipe has had, with the text of its prompt."""

    id: int
    name: str
    number: int
    hash: str
    prompt_name: str
    prompt_hash: str
    author: str
    note: str
    created_at: datetime
    definition: dict[str, Any]
    template: str


@dataclass(frozen=True, slots=True)
class ChampionChange:
    """From when on which recipe has been the champion, and why."""

    number: int
    recipe: str
    version: str | None
    """Its first hex digits; `None` where the recipe is that of the settings, whatever they say."""
    undoes_to: int | None
    author: str
    reason: str
    changed_at: datetime

    @property
    def label(self) -> str:
        """Such as `rag`, or `mine@0123456789ab`."""
        return f"{self.recipe}@{self.version}" if self.version else self.recipe
