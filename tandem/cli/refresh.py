"""`tandem finetune refresh`: the steps of a refresh on this installation, and what is told of it."""

import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from rich.markup import escape

from finetune.dataset.options import Options
from finetune.dataset.questions import SourceQuestion, read_questions
from finetune.refresh import CHAMPION, MadeSet, Refreshed, refresh
from finetune.training import BaseModel, Event, TrainingOptions, Validated, Warned, train, unfinished_folder
from finetune.validation.gate import Bounds
from finetune.validation.outcome import Outcome
from finetune.validation.over_http import ask_over_http, recipe_over_http
from finetune.validation.report import read_training, report_of, write_report
from finetune.validation.running import Asked, Plan, run_plan
from tandem.abstention import ABSTAINING
from tandem.adapters import AdapterFacts, AdapterVersion
from tandem.adapters.base import base_hash
from tandem.cli.adapters import opened_registry
from tandem.cli.answering_server import answering_server
from tandem.cli.bar import Bar
from tandem.cli.calibrate_adapter import CalibratingWish, calibrate_run
from tandem.cli.dataset import Wish, make_dataset
from tandem.cli.opened import author, opened_store
from tandem.cli.output import print_json, progress, stderr, stdout
from tandem.cli.remote import checked
from tandem.cli.training_questions import note_training_questions
from tandem.cli.voted import voted_questions
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.models import prepare_model
from tandem.settings import Settings
from tandem.vocabulary import Caller

_PAGE = 1_000
_SET, _RUN, _QUESTIONS = "set", "run", "questions.jsonl"


@dataclass(frozen=True, slots=True)
class RefreshWish:
    """What a user asks for."""

    name: str
    held: Path
    corpus: str
    recipe: str
    questions: tuple[Path, ...] = ()
    feedback: Path | None = None
    bounds: Bounds = field(default_factory=Bounds)
    at_once: int = 8


def refresh_adapter(
    settings: Settings,
    wish: RefreshWish,
    options: Options,
    training: TrainingOptions | None,
    *,
    as_json: bool,
) -> bool:
    """Refresh, and say what came of it; whether the gate passed, or there was nothing new.

    `training` stands in place of how the current version was trained. Raises `InvalidRequestError` for what is
    asked for, and what the steps raise; the next run goes on after the last step that was done.
    """
    if not wish.questions and wish.feedback is None:
        raise InvalidRequestError(
            "Name what there is to learn from: --questions, --feedback or both", param="questions"
        )
    _tell_requests(settings, wish.name)
    steps = CommandSteps(settings, wish, options, training)
    with redirect_stdout(sys.stderr):  # what the steps print is progress here
        done = refresh(steps, wish.bounds, progress)
    steps.put_away(done)
    with opened_store(settings) as store:  # what was asked for was done, whether or not it was an improvement
        store.end_retraining_requests(datetime.now(UTC), adapter=wish.name, met=True)
    if as_json:
        print_json(_as_json(done))
    else:
        _print(done)
    return done.candidate is None or done.promoted


class CommandSteps:
    """`finetune.refresh.Steps` of this installation. Work in progress stands in a folder of the data folder."""

    def __init__(
        self, settings: Settings, wish: RefreshWish, options: Options, training: TrainingOptions | None
    ) -> None:
        self._settings, self._wish, self._options, self._training = settings, wish, options, training
        self._work = settings.data_dir.absolute() / "refreshes" / f".{wish.name}"
        self._held = tuple(read_questions(wish.held))

    def current(self) -> AdapterVersion:
        """As the protocol says."""
        with opened_registry(self._settings) as (registry, _):
            try:
                return registry.get(f"{self._wish.name}@{CHAMPION}")
            except NotFoundError:
                return registry.get(self._wish.name)

    def make_set(self, current: AdapterVersion) -> MadeSet:
        """As the protocol says; a set that an unfinished training is made of is kept for it."""
        folder, run = self._work / _SET, self._work / _RUN
        asked = self._asked()
        if not (unfinished_folder(run).exists() and self._is_of(asked)):
            shutil.rmtree(self._work, ignore_errors=True)
            self._work.mkdir(parents=True)
            (self._work / _QUESTIONS).write_text(asked, "utf-8")
            wanted = Wish(
                out=folder,
                corpus=self._wish.corpus,
                questions=self._work / _QUESTIONS,
                against=(self._wish.held,),
                leaking="drop",
                recipe=self._wish.recipe,
            )
            make_dataset(self._settings, wanted, self._options, as_json=False)
        card = json.loads((folder / "card.json").read_text("utf-8"))
        return MadeSet(folder, card["data_hash"], self._new_documents(current))

    def successor(self, current: AdapterVersion, made: MadeSet) -> AdapterVersion | None:
        """As the protocol says."""
        with opened_registry(self._settings) as (registry, _):
            versions = registry.versions(self._wish.name)
        later = [one for one in versions if one.number > current.number]
        return next((one for one in later if one.facts.data_hash == made.data_hash), None)

    def train(self, current: AdapterVersion, made: MadeSet) -> Path:
        """As the protocol says; an interrupted training is gone on with."""
        out = self._work / _RUN
        source = self._settings.engine.model
        base = prepare_model(source, self._settings.data_dir, progress)
        options = self._training or options_of(current)
        train(
            made.folder,
            BaseModel(base, source, base_hash(base)),
            out,
            options,
            report=_told,
            resume=unfinished_folder(out).exists(),
        )
        self._calibrate(current, made, out)
        note_training_questions(self._settings, made.folder, out)
        return out

    def _calibrate(self, current: AdapterVersion, made: MadeSet, run: Path) -> None:
        """As the current version was, if it was: how readily it abstains is part of what it is compared by."""
        before = current.facts.metrics.get(ABSTAINING)
        if before is None:
            return
        wish = CalibratingWish(
            run=run,
            corpus=self._wish.corpus,
            training_set=made.folder,
            questions=None,
            recipe=self._wish.recipe,
            wrongly=before["wrongly"],
        )
        try:
            told = calibrate_run(self._settings, wish, hidden=True)
        except InvalidRequestError as error:
            # The gate judges how often it abstains, and a whole training would be lost.
            progress(f"Not calibrated as {current.name}@{current.number} is: {error.message}")
            return
        progress(
            f"Calibrated: abstains from {told.said_answerable:.1%} of the answerable questions for validation and "
            f"{told.said_unanswerable:.1%} of the others"
        )

    def register(self, run: Path, current: AdapterVersion, made: MadeSet) -> AdapterVersion:
        """As the protocol says."""
        said = read_training(run)
        facts = AdapterFacts(
            base=said["base"],
            base_hash=said["base_hash"],
            data_hash=made.data_hash,
            parameters=said["parameters"],
            metrics=said["metrics"],
            seconds=said["seconds"],
        )
        base = prepare_model(self._settings.engine.model, self._settings.data_dir, progress)
        with opened_registry(self._settings) as (registry, _):
            return registry.register(
                run,
                name=self._wish.name,
                facts=facts,
                author=author(),
                note=f"refreshed from {current.ref}",
                base=base,
            )

    def validate(
        self, candidate: AdapterVersion, current: AdapterVersion
    ) -> tuple[Sequence[Outcome], Sequence[Outcome]]:
        """As the protocol says; the report stands beside the training."""
        with Bar("Answers", hidden=not stderr.is_terminal, unit="tokens") as bar:
            labels, asked = asyncio.run(self._ask((current, candidate), bar))
        ours, theirs = (asked.outcomes[labels[one.ref]] for one in (candidate, current))
        report = report_of({current.ref: theirs, candidate.ref: ours}, asked.versions)
        write_report(report, self._work / "validation.json")
        return ours, theirs

    def tag(self, version: AdapterVersion, tag: str, reason: str, *, after: AdapterVersion) -> None:
        """As the protocol says."""
        expected = None
        if tag == CHAMPION:
            expected = after.number if CHAMPION in after.tags else 0
        with opened_registry(self._settings) as (registry, _):
            registry.tag(version, tag, author=author(), reason=reason[:2_000], expected=expected)

    def put_away(self, done: Refreshed) -> None:
        """Keep set, training and report under the candidate's name; without one there is nothing to keep."""
        if done.candidate is None:
            shutil.rmtree(self._work, ignore_errors=True)
            return
        kept = self._work.with_name(f"{done.candidate.name}-{done.candidate.number}")
        shutil.rmtree(kept, ignore_errors=True)
        self._work.rename(kept)

    def _asked(self) -> str:
        """All questions as JSON lines; the same one again, word for word, counts once."""
        questions: dict[str, SourceQuestion] = {}
        for file in self._wish.questions:
            questions |= {one.question: one for one in read_questions(file)}
        if self._wish.feedback is not None:
            voted, _ = voted_questions(self._settings, self._wish.feedback)
            questions = {one.question: one for one in voted} | questions
        return "".join(one.as_line() + "\n" for one in questions.values())

    def _is_of(self, asked: str) -> bool:
        file = self._work / _QUESTIONS
        return file.exists() and file.read_text("utf-8") == asked

    def _new_documents(self, current: AdapterVersion) -> int:
        count, offset = 0, 0
        with opened_store(self._settings) as store:
            while page := store.documents(Caller(), self._wish.corpus, _PAGE, offset):
                count += sum(one.created_at > current.created_at for one in page)
                offset += _PAGE
        return count

    async def _ask(self, versions: Sequence[AdapterVersion], bar: Bar) -> tuple[dict[str, str], Asked]:
        async with answering_server(self._settings) as http:
            labels = {one.ref: await self._recipe_of(one, http) for one in versions}
            plan = Plan(
                questions=self._held,
                recipes=tuple(labels.values()),
                corpora=(self._wish.corpus,),
                left_out=True,
                at_once=self._wish.at_once,
            )
            ask, know = partial(ask_over_http, http=http), partial(recipe_over_http, http=http)
            return labels, await run_plan(plan, ask, know, self._work / "answers.jsonl", bar.move)

    async def _recipe_of(self, version: AdapterVersion, http: httpx.AsyncClient) -> str:
        """The recipe of the wish with this adapter in it, as `NAME@NUMBER`."""
        wish = {
            "name": f"{self._wish.name}-refresh",
            "from": self._wish.recipe,
            "changes": {"model": version.ref},
            "note": f"To validate {version.ref}",
        }
        saved = checked(await http.post("/api/recipes", json=wish))
        return f"{saved['name']}@{saved['number']}"


def _tell_requests(settings: Settings, name: str) -> None:
    """Say who has asked for this: an alert's intervention, such as one of drift."""
    with opened_store(settings) as store:
        for one in store.retraining_requests():
            if one.adapter in (name, ""):
                progress(f"Retraining was asked for by {one.author} on {one.made_at:%Y-%m-%d}: {one.reason}")


def options_of(version: AdapterVersion) -> TrainingOptions:
    """How a version was trained; what its facts do not say is as by default. Raises `InvalidRequestError`."""
    known = {one.name for one in fields(TrainingOptions)}
    said: dict[str, Any] = {name: value for name, value in version.facts.parameters.items() if name in known}
    if "targets" in said:
        said["targets"] = tuple(said["targets"])
    return TrainingOptions(**said)


def _told(event: Event) -> None:
    match event:
        case Warned(message):
            progress(message)
        case Validated(step, loss, accuracy, _):
            progress(f"Step {step}: validation loss {loss:.3f}, right tokens {accuracy:.1%}")


def _as_json(done: Refreshed) -> dict[str, Any]:
    return {
        "current": done.current.ref,
        "data_hash": done.made.data_hash,
        "new_documents": done.made.new_documents,
        "candidate": done.candidate.ref if done.candidate else None,
        "promoted": done.promoted,
        "reasons": list(done.verdict.reasons) if done.verdict else [],
    }


def _print(done: Refreshed) -> None:
    if done.candidate is None or done.verdict is None:
        stdout.print(f"{done.current.ref} stays: there is nothing new to learn")
        return
    for reason in done.verdict.reasons:
        stdout.print(f"  {escape(reason)}")
    if done.promoted:
        stdout.print(f"{done.candidate.ref} has taken the place of {done.current.ref} as {CHAMPION}")
    else:
        stdout.print(f"{done.current.ref} stays; {done.candidate.ref} is kept as a candidate")
