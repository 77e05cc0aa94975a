"""`tandem eval sets generate --ragas`: Ragas's test-set generation over the chunks of a corpus."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path

from eval.case import EvalCase
from eval.sets.kept_replies import KeptReplies
from finetune.dataset.generating import drawn_chunks
from tandem.cli.bar import Bar
from tandem.cli.dataset_serving import RecipeServing
from tandem.cli.generation_wish import GenerationWish
from tandem.cli.making_questions import asking
from tandem.cli.opened_services import opened_services
from tandem.cli.output import progress, stderr
from tandem.engine import EngineClient
from tandem.errors import InvalidRequestError
from tandem.extras import hint_for
from tandem.settings import Settings

_FEWEST_CHUNKS = 8
"""So that several have something in common, for questions of more than one hop."""
_TOKENS = 2_000


async def questions_of_ragas(
    settings: Settings, wish: GenerationWish, kept: Path
) -> tuple[Sequence[tuple[EvalCase, str]], Counter[str]]:
    """At most as many cases as are wished for; what the model replied stays in `kept`.

    Raises `InvalidRequestError` where Ragas is not installed, and as `ragas_cases`.
    """
    progress("Loading Ragas")
    for package in ("ragas", "rapidfuzz"):  # the latter Ragas imports only once it compares entities
        if find_spec(package) is None:
            raise InvalidRequestError(
                f"Ragas's generation needs the package {package}",
                param="ragas",
                hint=hint_for("eval"),
            )
    from eval.sets.ragas_generating import ragas_cases
    from eval.sets.ragas_model import OwnEmbedding, StructuredModel

    model, address = str(wish.model), str(wish.model_address)
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(opened_services(settings, with_engine=False))
        client = EngineClient(address, settings.engine.model_copy(update={"address": address}))
        stack.push_async_callback(client.close)
        serving = RecipeServing(services, wish.corpus, wish.recipe, seed=wish.seed)
        passages = await drawn_chunks(max(wish.questions, _FEWEST_CHUNKS), serving, wish.seed)
        replies = stack.enter_context(KeptReplies(kept))
        bar = stack.enter_context(Bar("Ragas", hidden=not stderr.is_terminal, unit="steps"))
        return await ragas_cases(
            passages,
            wish.questions,
            StructuredModel(asking(client, model, _TOKENS), model, replies),
            OwnEmbedding(services.live.collection.embedder.embed_documents),
            wish.seed,
            lambda done, total: bar.move(done, total, done),
        )
