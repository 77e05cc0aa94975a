"""Looks for the passages of many questions without answering them: through the running server, or in this process."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from eval.case import EvalCase
from server.answering.look import look
from server.api.evidence import EvidenceBody, evidence_body
from server.opening import open_services
from tandem.cli.bar import Bar
from tandem.cli.opened_services import NO_ENGINE, ready
from tandem.cli.output import progress, stderr
from tandem.cli.remote import checked, running_server
from tandem.settings import Settings
from tandem.vocabulary import Caller


@dataclass(frozen=True, slots=True)
class Looking:
    """One question to the index."""

    case: EvalCase
    leave_out: bool
    """Whether the documents of the case are searched as if they were not there."""


def look_for(
    settings: Settings,
    corpus: str,
    recipe: str | None,
    looking: Sequence[Looking],
    *,
    likelihood: bool = False,
) -> list[EvidenceBody]:
    """What each question brings, in their order. With `likelihood` the engine is asked, too.

    Raises `NotFoundError` for a corpus, recipe or document that is not there, and `EngineUnavailableError` where the
    engine is to say something and does not.
    """
    with running_server(settings) as client:
        if client is None:
            return asyncio.run(_look_here(settings, corpus, recipe, looking, likelihood=likelihood))
        path = f"/api/corpora/{corpus}/evidence"
        bodies = []
        with _bar() as bar:
            for one in looking:
                wish = {
                    "question": one.case.question,
                    "documents": list(one.case.documents),
                    "leave_out": one.leave_out,
                    "recipe": recipe,
                    "likelihood": likelihood,
                }
                bodies.append(EvidenceBody.model_validate(checked(client.post(path, json=wish))))
                bar.move(len(bodies), len(looking), len(bodies))
        return bodies


async def _look_here(
    settings: Settings, corpus: str, recipe: str | None, looking: Sequence[Looking], *, likelihood: bool
) -> list[EvidenceBody]:
    engine = settings.engine.model_copy(update={} if likelihood else {"address": NO_ENGINE})
    bodies = []
    async with AsyncExitStack() as stack:
        services, *_ = await open_services(settings.model_copy(update={"engine": engine}), stack, progress)
        if likelihood:
            await ready(services)
        bar = stack.enter_context(_bar())
        for one in looking:
            seen = await look(
                Caller(),
                one.case.question,
                corpus,
                one.case.documents,
                services,
                leave_out=one.leave_out,
                recipe=recipe,
                likelihood=likelihood,
            )
            bodies.append(evidence_body(seen))
            bar.move(len(bodies), len(looking), len(bodies))
    return bodies


def _bar() -> Bar:
    return Bar("Questions", hidden=not stderr.is_terminal, unit="questions")
