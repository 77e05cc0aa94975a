"""`tandem eval sets generate`: a draft of questions that a model makes of a corpus."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from eval.case import EvalCase
from eval.sets.checking import check_set_name
from eval.sets.drafts import Drafts
from eval.sets.generated import cases_of_generated
from tandem.cli.dataset_serving import RecipeServing
from tandem.cli.eval_sets_making import print_draft, tell_dropped
from tandem.cli.generation_wish import GenerationWish
from tandem.cli.making_questions import Maker, check_corpus, made_questions
from tandem.cli.opened import author
from tandem.cli.opened_services import opened_services
from tandem.cli.output import progress
from tandem.errors import InvalidRequestError
from tandem.settings import Settings

Made = tuple[Sequence[tuple[EvalCase, str]], Counter[str]]


def draft_of_corpus(settings: Settings, wish: GenerationWish, *, as_json: bool) -> None:
    """Draft the set. What the model wrote is kept as it comes, so that the next try goes on from there.

    Raises `NotFoundError` for a corpus or recipe, `ConflictError` for a draft that is there, what the engine
    raises, and `InvalidRequestError` where no question was good enough.
    """
    check_set_name(wish.name)
    drafts = Drafts(settings.data_dir)
    drafts.check_free(wish.name)
    if wish.ragas and (wish.model_address is None or wish.model is None):
        raise InvalidRequestError(
            "Ragas's generation needs a capable model",
            param="model_address",
            hint="Name it with --model-address and --model; without --ragas, the engine's own model does.",
        )
    check_corpus(settings, wish.corpus)
    kept = drafts.file(wish.name).with_name(f".{wish.name}.{'ragas' if wish.ragas else 'generated'}.jsonl")
    make = _by_ragas if wish.ragas else _by_round_trip
    cases, dropped = asyncio.run(make(settings, wish, kept))
    tell_dropped(dropped)
    if not cases:
        raise InvalidRequestError(
            "No question was good enough to be a case",
            param="questions",
            hint="Name a more capable model with --model-address, or ingest more documents.",
        )
    if len(cases) < wish.questions:
        progress(f"{len(cases)} of {wish.questions} questions were good enough")
    origin = {
        "from": "ragas" if wish.ragas else "generated",
        "corpus": wish.corpus,
        "model": wish.model or settings.engine.model,
        "seed": wish.seed,
    }
    written = drafts.add(wish.name, cases, description=wish.description, author=author(), origin=origin)
    kept.unlink(missing_ok=True)
    print_draft(wish.name, written, len(cases), as_json=as_json)


async def _by_round_trip(settings: Settings, wish: GenerationWish, kept: Path) -> Made:
    async with opened_services(settings, with_engine=wish.model_address is None) as services:
        serving = RecipeServing(services, wish.corpus, wish.recipe, seed=wish.seed)
        maker = Maker(wish.model, wish.model_address)
        questions, dropped = await made_questions(
            services, maker, serving, wish.corpus, wish.questions, wish.seed, kept
        )
        documents = serving.documents(number for one in questions for number in one.documents)
        return cases_of_generated(questions, documents), dropped


async def _by_ragas(settings: Settings, wish: GenerationWish, kept: Path) -> Made:
    from tandem.cli.eval_sets_ragas import questions_of_ragas

    return await questions_of_ragas(settings, wish, kept)
