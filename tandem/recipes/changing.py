"""A recipe made of another: `rag`, but with this prompt and that temperature."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tandem.abstention import Abstaining
from tandem.engine import Sampling
from tandem.errors import InvalidRequestError
from tandem.prompts import prompt_hash
from tandem.recipes.recipe import ReasoningMarks, Recipe
from tandem.retrieval_profile import RetrievalProfile
from tandem.rewriting import with_prompts
from tandem.settings import AnswerSettings, RetrievalSettings

_profiles = TypeAdapter(RetrievalProfile)


class RecipeChanges(BaseModel):
    """What is to be other than in the recipe it is made of; what is not named stays."""

    model_config = ConfigDict(extra="forbid")
    prompt: str | None = Field(
        None, max_length=200, description="Prompt, `NAME` or `NAME@VERSION`; the newest version by default."
    )
    model: str | None = Field(
        None,
        max_length=200,
        description="The base model, or an adapter: `NAME@NUMBER`, `NAME@TAG`, or `NAME` for the newest.",
    )
    retrieval: dict[str, Any] | Literal[False] | None = Field(
        None,
        description='Fields of the retrieval profile, such as `{"passages": 8}`; `false` for no retrieval.',
    )
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    seed: int | None = None
    stop: list[str] | None = Field(None, max_length=4)
    examples_shown: int | None = Field(
        None, ge=0, le=50, description="Most few-shot examples in a prompt; 0 for none."
    )
    examples_picked: Literal["static", "similar"] | None = None
    reasoning_opens: str | None = Field(None, max_length=100)
    reasoning_closes: str | None = Field(
        None, max_length=100, description="What ends the reasoning; empty where nothing is reasoning."
    )
    outside: str | None = Field(
        None,
        max_length=130,
        description="What becomes of a question from outside the domain: `answer`, `abstain`, or the recipe that "
        "gets it, `NAME` or `NAME@VERSION`.",
    )
    abstain_bias: float | None = Field(
        None,
        ge=-100,
        le=100,
        description='Logits added to those of "I don\'t know.", of an adapter that `tandem finetune calibrate` has '
        "calibrated: more is more often.",
    )


def changes_of(retrieval: str | None, passages: int | None, **named: Any) -> RecipeChanges:
    """Changes as a command line names them; `retrieval` is JSON. Raises `InvalidRequestError`."""
    try:
        profile = json.loads(retrieval) if retrieval else {}
    except ValueError as error:
        raise InvalidRequestError(f"retrieval is not JSON: {error}", param="retrieval") from error
    if passages is not None and isinstance(profile, dict):
        profile["passages"] = passages
    try:
        return RecipeChanges.model_validate({**named, "retrieval": None if profile == {} else profile})
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        raise InvalidRequestError(f"{key}: {first['msg']}", param=key) from error


def changed(
    base: Recipe,
    changes: RecipeChanges,
    prompt: tuple[str, str] | None,
    profile: RetrievalProfile,
    name: str | None = None,
) -> Recipe:
    """`base` with what `changes` names, under another name if one is given.

    `prompt` is the name and the text of the prompt where it changes; `profile` is what a recipe without
    retrieval begins with. Raises `InvalidRequestError`, naming the field.
    """
    made = replace(base, name=name or base.name)
    if prompt is not None:
        text = prompt[1]
        made = replace(made, prompt=prompt[0], prompt_version=prompt_hash(text)[:12], template=text)
    if changes.model is not None:
        made = replace(made, model=changes.model)
    if changes.retrieval is False:
        made = replace(made, retrieval=None)
    elif changes.retrieval is not None:
        made = replace(made, retrieval=_profile(base.retrieval or profile, changes.retrieval))
    if changes.outside is not None:
        made = replace(made, outside=changes.outside)
    if made.retrieval is None:
        made = replace(made, abstaining=None)
    if changes.abstain_bias is not None:
        made = replace(made, abstaining=_abstaining(made, changes.abstain_bias))
    return replace(_with_reasoning(_with_examples(made, changes), changes), sampling=_sampling(base, changes))


def _abstaining(made: Recipe, bias: float) -> Abstaining:
    if made.abstaining is None:
        raise InvalidRequestError(
            f"The recipe {made.name} has no adapter whose abstaining was calibrated",
            param="abstain_bias",
            hint="Calibrate it with `tandem finetune calibrate` before it is registered, or set retrieval.evidence.",
        )
    return replace(made.abstaining, bias=bias)


def _sampling(base: Recipe, changes: RecipeChanges) -> Sampling:
    named: dict[str, Any] = {
        "temperature": changes.temperature,
        "top_p": changes.top_p,
        "max_tokens": changes.max_tokens,
        "seed": changes.seed,
        "stop": tuple(changes.stop) if changes.stop is not None else None,
    }
    return replace(base.sampling, **{key: value for key, value in named.items() if value is not None})


def _profile(before: RetrievalProfile, named: Mapping[str, Any]) -> RetrievalProfile:
    known = {one.name for one in fields(RetrievalProfile)} - {"calibration"}  # the server's own
    for key in named:
        if key not in known:
            raise InvalidRequestError(
                f"retrieval.{key} does not exist",
                param=f"retrieval.{key}",
                hint=f"There are: {', '.join(sorted(known))}.",
            )
    # The bounds of a field are those of the setting of its name.
    settings = {key: value for key, value in named.items() if key in AnswerSettings.model_fields}
    try:
        AnswerSettings.model_validate(settings)
        made = _profiles.validate_python(_merged(_profiles.dump_python(before), named))
        _check_bounds(made)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InvalidRequestError(f"retrieval.{key}: {first['msg']}", param=f"retrieval.{key}") from error
    return replace(made, rewriting=with_prompts(made.rewriting))


def _merged(before: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """What is not named stays, also within a part such as `fusion`; but nothing of a reranker of another kind."""
    inner = {
        key: {**before[key], **value}
        for key, value in named.items()
        if isinstance(value, Mapping)
        and isinstance(before.get(key), Mapping)
        and value.get("kind") in (None, before[key].get("kind"))
    }
    return {**before, **named, **inner}


def _check_bounds(made: RetrievalProfile) -> None:
    """A recipe may ask for no more than the settings may: whoever tries one could else ask for any amount.

    Raises `ValidationError`.
    """
    fusion, rewriting = made.fusion, made.rewriting
    found: dict[str, Any] = asdict(made.reading) | {
        "dense_weight": fusion.dense_weight,
        "sparse_weight": fusion.sparse_weight,
        "rrf_k": fusion.rrf_k,
        "candidates": fusion.candidates,
    }
    if made.reranking is not None:
        found["rerank_candidates"] = made.reranking.candidates
        found["rerank_deadline_ms"] = made.reranking.deadline_ms
    RetrievalSettings.model_validate(found)
    AnswerSettings.model_validate(
        {"expand_wordings": rewriting.wordings, "rewrite_timeout_s": rewriting.timeout_s}
    )


def _with_examples(made: Recipe, changes: RecipeChanges) -> Recipe:
    shown, picked = changes.examples_shown, changes.examples_picked
    if shown is None and picked is None:
        return made
    if shown == 0:
        return replace(made, few_shot=None)
    if made.few_shot is None:
        raise InvalidRequestError(
            f"The recipe {made.name} shows no examples",
            param="examples_shown",
            hint="Make it from one that does: set answer.examples.",
        )
    few_shot = made.few_shot
    return replace(
        made, few_shot=replace(few_shot, shown=shown or few_shot.shown, picked=picked or few_shot.picked)
    )


def _with_reasoning(made: Recipe, changes: RecipeChanges) -> Recipe:
    opens, closes = changes.reasoning_opens, changes.reasoning_closes
    if opens is None and closes is None:
        return made
    before = made.reasoning or ReasoningMarks()
    marks = ReasoningMarks(
        before.opens if opens is None else opens, before.closes if closes is None else closes
    )
    return replace(made, reasoning=marks if marks.closes else None)
