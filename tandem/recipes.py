"""Recipes: what answers, is compared and is served.

A recipe is an immutable combination of prompt, model or adapter, retrieval profile and sampling. The five
built-in ones are the arms of the question that Tandem exists for.
"""

import json
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from tandem.engine import Sampling
from tandem.errors import NotFoundError, SettingsError
from tandem.examples import FewShot
from tandem.prompts import PromptLibrary
from tandem.retrieval_profile import RetrievalProfile, retrieval_profile
from tandem.settings import Settings

MODEL = "tandem"
"""The model name of the champion; `tandem:NAME` is recipe NAME."""


@dataclass(frozen=True, slots=True)
class ReasoningMarks:
    """What stands around a model's reasoning. Without `opens` an answer begins with it."""

    opens: str = "<think>"
    closes: str = "</think>"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to answer. Two recipes with the same `version` answer alike on the same index."""

    name: str
    prompt: str
    prompt_version: str
    model: str
    """Name of the base model or of an adapter at the engine."""
    weights: str
    """Where that model comes from: its source, or the engine's address."""
    retrieval: RetrievalProfile | None
    sampling: Sampling
    reasoning: ReasoningMarks | None = None
    """`None` where all that the model writes is its answer."""
    few_shot: FewShot | None = None

    @property
    def version(self) -> str:
        """First 12 hex digits of the SHA-256 over everything that shapes the answer."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


class RecipeBook:
    """All recipes that can be asked for, and the champion among them."""

    def __init__(self, recipes: list[Recipe], champion: str) -> None:
        self._recipes = {recipe.name: recipe for recipe in recipes}
        if champion not in self._recipes:
            raise SettingsError(
                f"answer.champion is {champion!r}, which is not a recipe here",
                param="answer.champion",
                hint=f"Known: {', '.join(self._recipes)}. "
                "`tuned` and `hybrid` need an adapter in engine.adapters.",
            )
        self.champion = champion

    def models(self) -> list[str]:
        """Names for `GET /v1/models`, the champion first."""
        return [MODEL, *(f"{MODEL}:{name}" for name in self._recipes)]

    def of_model(self, model: str) -> Recipe:
        """The recipe behind a model name. Raises `NotFoundError` for a name that is not listed."""
        if model == MODEL:
            return self._recipes[self.champion]
        prefix, _, name = model.partition(":")
        if prefix == MODEL and name in self._recipes:
            return self._recipes[name]
        raise NotFoundError(
            f"There is no model {model!r}", param="model", hint=f"Known: {', '.join(self.models())}."
        )


def builtin_recipes(
    settings: Settings, prompts: PromptLibrary, examples: str | None = None, calibration: str = ""
) -> RecipeBook:
    """`base`, `prompted`, `rag`, and with an adapter `tuned` and `hybrid`.

    `examples` is the digest of the few-shot examples in `answer.examples`; all recipes but `base` and
    `tuned` show some. `calibration` is the digest of the evidence's calibration. Raises `SettingsError` for an unknown champion or prompt.
    """
    retrieving = settings.answer.prompt
    if retrieving not in prompts.names():
        raise SettingsError(
            f"answer.prompt is {retrieving!r}, which is not a prompt here",
            param="answer.prompt",
            hint=f"Known: {', '.join(prompts.names())}.",
        )
    sampling = Sampling(max_tokens=settings.answer.answer_tokens)
    chosen = settings.answer
    profile = replace(retrieval_profile(settings), calibration=calibration)
    marks = ReasoningMarks(chosen.reasoning_opens, chosen.reasoning_closes)
    reasoning = marks if marks.closes else None
    few_shot = FewShot(examples, chosen.examples_shown, chosen.examples_picked) if examples else None
    weights = settings.engine.address or settings.engine.model

    def recipe(name: str, prompt: str, model: str, retrieval: RetrievalProfile | None) -> Recipe:
        shots = few_shot if prompt != "base" else None
        version = prompts.version(prompt)
        return Recipe(name, prompt, version, model, weights, retrieval, sampling, reasoning, shots)

    base = settings.engine.served_name
    recipes = [
        recipe("base", "base", base, None),
        recipe("prompted", "prompted", base, None),
        recipe("rag", retrieving, base, profile),
    ]
    adapter = next(iter(settings.engine.adapters), None)
    if adapter is not None:
        recipes += [recipe("tuned", "base", adapter, None), recipe("hybrid", retrieving, adapter, profile)]
    return RecipeBook(recipes, settings.answer.champion)
