"""`tandem finetune calibrate`: how readily an adapter is to say that it does not know, noted in its training's folder."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from finetune.calibrating import (
    Asked,
    Calibrated,
    Weighed,
    ask_twice,
    margins_of,
    note,
    require_trained,
)
from finetune.calibrating import calibrate as fit
from finetune.dataset.folder import VALIDATION
from finetune.dataset.located import locate
from finetune.dataset.questions import SourceQuestion, read_questions
from finetune.examples import read_examples
from finetune.training import BaseModel
from tandem.adapters.base import base_hash
from tandem.cli.bar import Bar
from tandem.cli.dataset_serving import RecipeServing
from tandem.cli.making_questions import check_corpus
from tandem.cli.opened_services import opened_services
from tandem.cli.output import print_json, progress, stderr, stdout
from tandem.errors import InvalidRequestError
from tandem.extras import FINETUNE, require
from tandem.models import prepare_model
from tandem.settings import Settings


@dataclass(frozen=True, slots=True)
class CalibratingWish:
    """What is asked for; either of `training_set` and `questions`."""

    run: Path
    corpus: str
    training_set: Path | None
    questions: Path | None
    recipe: str
    wrongly: float
    passages: int | None = None
    context_tokens: int | None = None
    device: str | None = None


def calibrate_adapter(settings: Settings, wish: CalibratingWish, *, as_json: bool) -> None:
    """Calibrate, and print what it comes to. Raises as `calibrate_run`."""
    require("Calibrating", FINETUNE, "finetune")
    calibrated = calibrate_run(settings, wish, hidden=as_json)
    if as_json:
        print_json(calibrated.as_metrics())
    else:
        _print(calibrated, wish.run)


def calibrate_run(settings: Settings, wish: CalibratingWish, *, hidden: bool) -> Calibrated:
    """Ask, fit, and note it in the run's `training.json`.

    Raises `NotFoundError`, `InvalidRequestError` for questions or a run that cannot be taken, `ModelSourceError`,
    `StorageError`; nothing is noted then.
    """
    said = require_trained(wish.run)
    questions = held_out(wish.training_set, wish.questions)
    check_corpus(settings, wish.corpus)
    source = str(said.get("base") or settings.engine.model)
    folder = prepare_model(source, settings.data_dir, progress)
    base = BaseModel(folder, source, base_hash(folder))
    asked = asyncio.run(_asked(settings, wish, questions, hidden=hidden))
    if not asked:
        raise InvalidRequestError(f"The corpus {wish.corpus} has no passage for any question", param="corpus")
    with Bar("Prompts", hidden=hidden or not stderr.is_terminal, unit="prompts") as bar:
        token, margins = margins_of(
            wish.run, base, asked, lambda done, total: bar.move(done, total, done), wish.device
        )
    seen = [
        Weighed(margin, one.evidence, one.answerable, one.question)
        for one, margin in zip(asked, margins, strict=True)
    ]
    calibrated = fit(token, seen, wish.wrongly)
    note(wish.run, calibrated)
    return calibrated


def held_out(training_set: Path | None, file: Path | None) -> list[SourceQuestion]:
    """The questions to ask: of a file, or those for the validation of a training set. Raises `InvalidRequestError`."""
    if (training_set is None) == (file is None):
        raise InvalidRequestError(
            "Name where the questions come from: one of --set, --questions", param="questions"
        )
    if file is not None:
        return read_questions(file)
    assert training_set is not None  # noqa: S101  # as the above says
    found: dict[str, SourceQuestion] = {}
    for example in read_examples(training_set / VALIDATION):
        if example.references and example.documents:  # of what is unanswerable, neither is known
            found[example.question] = SourceQuestion(
                id=example.id,
                question=example.question,
                answers=example.references,
                documents=example.documents,
                elsewhere=example.elsewhere,
            )
    return list(found.values())


async def _asked(
    settings: Settings, wish: CalibratingWish, questions: list[SourceQuestion], *, hidden: bool
) -> list[Asked]:
    async with opened_services(settings, with_engine=False, judging=True) as services:
        serving = RecipeServing(
            services,
            wish.corpus,
            wish.recipe,
            passages=wish.passages,
            context_tokens=wish.context_tokens,
        )
        with Bar("Questions", hidden=hidden or not stderr.is_terminal, unit="questions") as bar:
            return await ask_twice(
                locate(questions, serving), serving, lambda done, total: bar.move(done, total, done)
            )


def _print(calibrated: Calibrated, run: Path) -> None:
    told = calibrated.abstaining
    stdout.print(
        f"{calibrated.answerable} questions with their documents, {calibrated.unanswerable} without. "
        "Each judged by a fit without it:\n"
    )
    stdout.print(f"“I don't know.” where there is an answer  {calibrated.said_answerable:6.1%}")
    stdout.print(f"“I don't know.” where there is none       {calibrated.said_unanswerable:6.1%}")
    stdout.print(
        f"AUROC: by the model {calibrated.auroc_margin:.3f}, by the evidence {calibrated.auroc_evidence:.3f}, "
        f"by both {calibrated.auroc:.3f}\n"
    )
    stdout.print(
        f"bias {told.bias:+.2f} logits, {told.evidence:.2f} less for each unit of the evidence's log odds"
    )
    stdout.print(f"noted in {escape(str(run / 'training.json'))}; `tandem adapters register` takes it along")
