"""`tandem finetune train`: an adapter from a training set, shown as it comes about."""

import json
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import typer
from rich.markup import escape

from finetune.training import (
    BaseModel,
    Event,
    Started,
    Stepped,
    TrainingOptions,
    Validated,
    Warned,
    train,
    unfinished_folder,
)
from tandem.adapters.base import base_hash
from tandem.cli.output import progress, stderr, stdout
from tandem.cli.training_bar import TrainingBar
from tandem.cli.training_questions import note_training_questions
from tandem.extras import FINETUNE, require
from tandem.models import prepare_model
from tandem.models.naming import name_of
from tandem.settings import Settings


def train_adapter(
    settings: Settings,
    set_folder: Path,
    out: Path,
    base: str | None,
    options: TrainingOptions,
    *,
    resume: bool,
    start: Path | None = None,
    device: str | None,
    as_json: bool,
) -> None:
    """Train into `out`. An interrupted training exits with 130 and says how to go on."""
    require("Training", FINETUNE, "finetune")
    source = base or settings.engine.model
    folder = prepare_model(source, settings.data_dir, progress)
    model = BaseModel(folder, name_of(source, folder), base_hash(folder))
    shown = _Shown(as_json=as_json)
    for warning in _unservable(settings, options):
        shown.warn(warning)
    with TrainingBar(hidden=as_json) as bar, _stopping() as stopping:
        shown.bar = bar
        finished = train(
            set_folder,
            model,
            out,
            options,
            report=shown.event,
            stopping=stopping,
            resume=resume,
            start=start,
            device=device,
        )
    if not shown.speaks:  # another of several processes does
        return
    if not finished:
        again = " ".join(shlex.quote(part) for part in ["tandem", *sys.argv[1:]])
        again += "" if resume else " --resume"
        stderr.print(
            f"Stopped; the checkpoint is in {unfinished_folder(out)}. Go on with:\n  {escape(again)}"
        )
        raise typer.Exit(130)
    note_training_questions(settings, set_folder, out)
    report = json.loads((out / "training.json").read_text("utf-8"))
    if as_json:
        print(json.dumps({"event": "finished", "out": str(out), **report["metrics"]}), flush=True)
        return
    metrics = report["metrics"]
    stdout.print(
        f"{escape(str(out))}: validation loss {metrics['validation_loss_untrained']:.3f} to "
        f"{metrics['validation_loss']:.3f} at step {metrics['best_step']} of {metrics['steps']}, right tokens "
        f"{metrics['validation_token_accuracy_untrained']:.1%} to {metrics['validation_token_accuracy']:.1%}, "
        f"{metrics['tokens_per_s']:,.0f} tokens/s, {report['seconds'] / 60:.1f} minutes"
    )


class _Shown:
    """What a user sees of the events; with `as_json`, a line each on stdout."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.bar: TrainingBar | None = None
        self.speaks = False

    def warn(self, message: str) -> None:
        """On stderr: stdout is for programs."""
        (self.bar.console if self.bar else stderr).print(f"[yellow]Warning[/yellow]: {escape(message)}")

    def event(self, event: Event) -> None:
        """One event of the training."""
        self.speaks = True
        if self._as_json:
            print(json.dumps({"event": type(event).__name__.lower(), **asdict(event)}), flush=True)
            return
        assert self.bar is not None  # noqa: S101  # it stands around the training
        match event:
            case Warned(message):
                self.warn(message)
            case Started():
                self.bar.begin(event)
                self.bar.console.print(_opening(event))
            case Stepped():
                self.bar.move(event)
            case Validated(step, loss, accuracy, best):
                mark = "  best so far" if best and step else ""
                self.bar.console.print(
                    f"  step {step}: validation loss {loss:.3f}, right tokens {accuracy:.1%}{mark}"
                )


def _opening(started: Started) -> str:
    several = f", {started.processes} processes" if started.processes > 1 else ""
    resumed = f", going on after step {started.step}" if started.step else ""
    return (
        f"[dim]›[/dim] {started.trained:,} weights, {started.examples} examples of {started.tokens:,} tokens, "
        f"{started.validation_examples} for validation, {started.steps} steps on {started.device}{several}{resumed}"
    )


def _unservable(settings: Settings, options: TrainingOptions) -> Iterator[str]:
    if options.rank > settings.engine.max_lora_rank:
        yield (
            f"Rank {options.rank} is over engine.max_lora_rank {settings.engine.max_lora_rank}: raise that setting "
            "before you serve the adapter"
        )
    if options.dora:
        yield "vLLM serves no DoRA adapter: merge it into its base to serve it"


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C or SIGTERM asks for a checkpoint, the second stops at once."""
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        stderr.print("Stopping after this step; once more to stop at once.")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
