"""`tandem eval sets elsewhere`: a draft of the cases that another document may answer, too."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from eval.judging.elsewhere import answering_passage
from eval.judging.faults import JudgeError
from eval.judging.judge import Judge, open_judge, present
from eval.sets.drafts import Drafts
from eval.sets.elsewhere import ORIGIN, Brought, Verdict, for_review, unmarked
from finetune.validation.asking import all_or_first_failure
from tandem.cli.answering_server import answering_server
from tandem.cli.bar import Bar
from tandem.cli.eval_sets import opened_sets
from tandem.cli.eval_sets_making import print_draft
from tandem.cli.looks import Looking, look_for
from tandem.cli.opened import author
from tandem.cli.output import progress, stderr
from tandem.errors import InvalidRequestError, UnavailableError
from tandem.settings import Settings

_BUDGET = "budget used up"
"""As `JudgeError` says it."""


def draft_of_elsewhere(
    settings: Settings, ref: str, corpus: str, recipe: str | None, *, judging: bool, as_json: bool
) -> None:
    """Draft them under the name of their set, with the passages that a search without their documents brings.

    With `judging` the judge of the settings says first which it takes to be answered; what it has said once is not
    asked again. Raises `NotFoundError` for a set, corpus, recipe or document, `ConflictError` where the set has a
    draft, `InvalidRequestError` where no case is left to decide on, `UnavailableError` without the judge, or once its budget
    is used up.
    """
    with opened_sets(settings) as sets:
        found = sets.get(ref)
    drafts = Drafts(settings.data_dir)
    drafts.check_free(found.name)
    cases = unmarked(found.cases)
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
    origin = {"from": ORIGIN, "set": found.ref, "corpus": corpus}
    if judging:
        verdicts, judge = asyncio.run(_judged(settings, brought))
        origin |= {"judge": judge}
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


async def _judged(settings: Settings, brought: Sequence[Brought]) -> tuple[list[Verdict], str]:
    """The judge's word on each, and its model. Raises `UnavailableError` once it is asked no more."""
    async with AsyncExitStack() as stack:
        if settings.judge.address is None:
            await stack.enter_async_context(answering_server(settings))
        judge = open_judge(settings)
        stack.push_async_callback(judge.close)
        model = (await present(judge)).model
        progress(f"The judge {model} reads the passages")
        bar = stack.enter_context(Bar("Verdicts", hidden=not stderr.is_terminal, unit="verdicts"))
        verdicts: dict[int, Verdict] = {}

        async def one(place: int, each: Brought) -> None:
            verdicts[place] = await _verdict(judge, each)
            bar.move(len(verdicts), len(brought), len(verdicts))

        await all_or_first_failure([one(place, each) for place, each in enumerate(brought)])
    said = [verdicts[place] for place in range(len(brought))]
    missing = [each.reason for each in said if not each.given]
    if judge.down or any(_BUDGET in why for why in missing):
        raise UnavailableError(
            f"The judge gave no verdict on {len(missing)} of {len(brought)} cases: {judge.down or missing[-1]}",
            hint="Nothing was drafted. What it has said is kept: the same command goes on from there.",
        )
    if missing:
        progress(
            f"The judge gave no verdict on {len(missing)} of {len(brought)} cases, such as: {missing[0]}"
        )
    return said, model


async def _verdict(judge: Judge, one: Brought) -> Verdict:
    try:
        said = await answering_passage(judge, one.case.question, [text for _, text in one.passages])
    except JudgeError as fault:
        return Verdict(0, str(fault), given=False)
    return Verdict(said.passage, said.reason)
