"""A recipe: what answers, is compared and is served."""

import json
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter

from tandem.abstention import Abstaining
from tandem.engine import Sampling
from tandem.examples import FewShot
from tandem.prompts import prompt_hash
from tandem.retrieval_profile import RetrievalProfile

MODEL = "tandem"
"""The model name of the champion; `tandem:NAME` is recipe NAME, `tandem:NAME@VERSION` one of its versions."""


BUILTIN = ("base", "prompted", "rag", "tuned", "hybrid")
"""Names of the recipes that the settings make."""


ANSWER, ABSTAIN = "answer", "abstain"
"""What a recipe does with a question from outside the domain, beside handing it to another recipe."""


@dataclass(frozen=True, slots=True)
class ReasoningMarks:
    """What stands around a model's reasoning. Without `opens` an answer begins with it."""

    opens: str = "<think>"
    closes: str = "</think>"


@dataclass(frozen=True)  # without slots, for the hash that it keeps
class Recipe:
    """One way to answer, whole in itself. Two recipes with the same `version` answer alike on the same index."""

    name: str
    prompt: str
    prompt_version: str
    """First 12 hex digits of the hash of `template`."""
    template: str = field(repr=False)
    """The prompt's text; `prompt_version` stands for it in a definition."""
    model: str
    """Name of the base model or of an adapter at the engine."""
    weights: str
    """Where that model comes from: its source, or the engine's address."""
    retrieval: RetrievalProfile | None
    sampling: Sampling
    reasoning: ReasoningMarks | None = None
    """`None` where all that the model writes is its answer."""
    few_shot: FewShot | None = None
    outside: str = ANSWER
    """What becomes of a question from outside the domain: `answer`, `abstain`, or the recipe that gets it."""
    abstaining: Abstaining | None = None
    """How readily its adapter says that it does not know, where that was calibrated. The evidence is then weighed
    with what the model thinks, and `retrieval.evidence` is no threshold."""

    @cached_property
    def hash(self) -> str:
        """SHA-256 over everything that shapes the answer, in hex.

        What a field is by default is left out, so that a later field does not change what was saved before.
        """
        return sha256(json.dumps(_said(self), sort_keys=True).encode()).hexdigest()

    @property
    def version(self) -> str:
        """The first 12 digits of the hash."""
        return self.hash[:12]

    @property
    def prompt_hash(self) -> str:
        """SHA-256 of the prompt's text, in hex."""
        return prompt_hash(self.template)

    def definition(self) -> dict[str, Any]:
        """All but the prompt's text, as JSON can say it."""
        whole: dict[str, Any] = _recipes.dump_python(self, mode="json")
        del whole["template"]
        return whole


_recipes = TypeAdapter(Recipe)


def recipe_of(definition: dict[str, Any], template: str) -> Recipe:
    """The recipe that was written as `definition`."""
    return _recipes.validate_python({**definition, "template": template})


def _said(value: Any) -> Any:
    if not is_dataclass(value) or isinstance(value, type):
        return value
    return {
        one.name: _said(getattr(value, one.name))
        for one in fields(value)
        if one.name != "template" and (one.default is MISSING or getattr(value, one.name) != one.default)
    }
