"""`tandem eval sets elsewhere`: a draft of the cases that another document may answer, too."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from eval.judging.elsewhere import answering_passage
from eval.judging.faults import JudgeError
from eval.judging.judge import Judge, open_judge, present
from eval.sets.drafts import Drafts
from eval.sets.elsewhere import ORIGIN, Brought, Verdict, for_review, undecided
from tandem.cli.answering_server import answering_server
from tandem.cli.bar import Bar
from tandem.cli.eval_sets import opened_sets
from tandem.cli.eval_sets_making import print_draft
from tandem.cli.looks import Looking, look_for
from tandem.cli.opened import author
from tandem.cli.output import progress, stderr
from tandem.errors import InvalidRequestError
from tandem.settings import Settings


def draft_of_elsewhere(
    settings: Settings, ref: str, corpus: str, recipe: str | None, *, judging: bool, as_json: bool
) -> None:
    """Draft them under the name of their set, with the passages that a search without their documents brings.

    With `judging` the judge of the settings says first which it takes to be answered; what it has said once is not
    asked again. Raises `NotFoundError` for a set, corpus, recipe or document, `ConflictError` where the set has a
    draft, `InvalidRequestError` where no case is left to decide on, `UnavailableError` without the judge.
    """
    with opened_sets(settings) as sets:
        found = sets.get(ref)
    drafts = Drafts(settings.data_dir)
    drafts.check_free(found.name)
    cases = undecided(found.cases)
    if len(cases) < found.count:
        progress(
            f"{found.count - len(cases)} cases are passed over: marked already, without documents, not answerable, "
            "or follow-ups"
        )
    brought = _brought(settings, corpus, recipe, [Looking(case, leave_out=True) for case in cases])
    if not brought:
        raise InvalidRequestError(
            f"No case of {found.ref} brings a passage of another document",
            param="set",
            hint="Cases need `documents`, and the corpus more documents than theirs.",
        )
    verdicts: Sequence[Verdict | None] = [None] * len(brought)
    if judging:
        verdicts = asyncio.run(_judged(settings, brought))
    origin = {"from": ORIGIN, "set": found.ref, "corpus": corpus, "judge": settings.judge.model or ""}
    if not judging:
        del origin["judge"]
    written = drafts.add(
        found.name,
        for_review(brought, verdicts),
        description=found.description,
        author=author(),
        origin=origin,
    )
    print_draft(found.name, written, len(brought), as_json=as_json)


def _brought(
    settings: Settings, corpus: str, recipe: str | None, looking: Sequence[Looking]
) -> list[Brought]:
    """What came; a case to which nothing was found is answered nowhere."""
    progress(f"Searching {corpus} for {len(looking)} questions, without their documents")
    bodies = look_for(settings, corpus, recipe, looking)
    return [
        Brought(one.case, body.evidence, tuple((passage.uri, passage.text) for passage in body.passages))
        for one, body in zip(looking, bodies, strict=True)
        if body.passages
    ]


async def _judged(settings: Settings, brought: Sequence[Brought]) -> list[Verdict | None]:
    """The judge's word on each; `None` where it gave none."""
    async with AsyncExitStack() as stack:
        if settings.judge.address is None:
            await stack.enter_async_context(answering_server(settings))
        judge = open_judge(settings)
        stack.push_async_callback(judge.close)
        progress(f"The judge {(await present(judge)).model} reads the passages")
        bar = stack.enter_context(Bar("Verdicts", hidden=not stderr.is_terminal, unit="verdicts"))
        done = 0

        async def one(each: Brought) -> Verdict | None:
            nonlocal done
            verdict = await _verdict(judge, each)
            done += 1
            bar.move(done, len(brought), done)
            return verdict

        said = await asyncio.gather(*map(one, brought))
    if missing := said.count(None):
        progress(
            f"The judge gave no verdict on {missing} of {len(brought)} cases: {judge.down or 'see its log'}"
        )
    return said


async def _verdict(judge: Judge, one: Brought) -> Verdict | None:
    try:
        said = await answering_passage(judge, one.case.question, [text for _, text in one.passages])
    except JudgeError:
        return None
    return Verdict(said.passage, said.reason)
