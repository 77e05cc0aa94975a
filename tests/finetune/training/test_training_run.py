"""A training from its start to the folder that it leaves, and what stops it on the way."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tiny_base import make_tiny_set, tiny_example
from transformers import AutoModelForCausalLM

from finetune.training import (
    BaseModel,
    Event,
    Saved,
    Started,
    Stepped,
    TrainingOptions,
    Validated,
    Warned,
    train,
    unfinished_folder,
)
from finetune.training.encoding import ExampleEncoder
from finetune.training.faults import memory_errors
from tandem.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    SettingsError,
    StorageError,
    TandemError,
    TrainingFailedError,
)

ROOT = Path(__file__).parents[3]
QUICK = TrainingOptions(rank=4, epochs=2, batch_size=4, lr=5e-3, dtype="fp32", eval_every=5, dropout=0.1)
WEIGHTS = "adapter_model.safetensors"


def _train(
    given: Path, base: BaseModel, out: Path, options: TrainingOptions = QUICK, **more: object
) -> tuple[bool, list[Event]]:
    events: list[Event] = []
    finished = train(given, base, out, options, report=events.append, device="cpu", **more)
    return finished, events


@pytest.fixture(scope="module")
def whole(
    tiny: BaseModel, tiny_set: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Event]]:
    """A training that nothing interrupts."""
    out = tmp_path_factory.mktemp("whole") / "run"
    finished, events = _train(tiny_set, tiny, out)
    assert finished
    return out, events


def _same_weights(one: Path, other: Path) -> None:
    ours, theirs = load_file(one / WEIGHTS), load_file(other / WEIGHTS)
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        torch.testing.assert_close(weight, theirs[name])


def test_a_training_leaves_weights_and_how_they_came_about(whole: tuple[Path, list[Event]]) -> None:
    out, events = whole
    assert sorted(file.name for file in out.iterdir()) == [
        "adapter_config.json",
        WEIGHTS,
        "curve.png",
        "training.json",
    ]
    assert [path.name for path in out.parent.iterdir()] == ["run"]
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads((out / "training.json").read_text())
    assert (report["base"], report["base_hash"], report["data_hash"]) == (
        "hub:somebody/tiny",
        "cd" * 32,
        "ab" * 32,
    )
    assert report["parameters"] == QUICK.parameters()
    assert [point["step"] for point in report["curve"]] == list(range(1, 11))
    assert [point["step"] for point in report["validations"]] == [0, 5, 10]
    metrics = report["metrics"]
    assert metrics["validation_loss"] < metrics["validation_loss_untrained"]
    assert metrics["tokens"] == 2 * next(event.tokens for event in events if isinstance(event, Started))
    assert (
        json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"]
        == "hub:somebody/tiny"
    )


def test_the_weights_are_those_of_the_best_validation(
    whole: tuple[Path, list[Event]], tiny: BaseModel, tiny_set: Path
) -> None:
    """Loaded as anybody loads them, they give the loss that was written down."""
    out, _ = whole
    report = json.loads((out / "training.json").read_text())
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny.folder), out)
    encoder = ExampleEncoder(tiny.folder)
    losses, tokens = 0.0, 0
    for number in range(1000, 1005):
        example = encoder.encode(tiny_example(number))
        labels = [-100] * example.prompt_tokens + list(example.ids[example.prompt_tokens :])
        with torch.no_grad():
            loss = model(input_ids=torch.tensor([example.ids]), labels=torch.tensor([labels])).loss
        losses += loss.item() * example.answer_tokens
        tokens += example.answer_tokens
    assert losses / tokens == pytest.approx(report["metrics"]["validation_loss"], rel=1e-4)
    assert report["metrics"]["validation_loss"] == min(point["loss"] for point in report["validations"])


def test_events_tell_how_far_it_is(whole: tuple[Path, list[Event]]) -> None:
    _, events = whole
    steps = [event for event in events if isinstance(event, Stepped)]
    assert [event.step for event in steps] == list(range(1, 11))
    assert all(event.steps == 10 and event.tokens_per_s > 0 for event in steps)
    assert steps[-1].seconds_left == 0 < steps[0].seconds_left
    assert isinstance(events[0], Started)
    assert isinstance(events[1], Validated)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    whole: tuple[Path, list[Event]], tiny: BaseModel, tiny_set: Path, tmp_path: Path
) -> None:
    _train(tiny_set, tiny, tmp_path / "same")
    _same_weights(whole[0], tmp_path / "same")
    other = TrainingOptions(**{**QUICK.parameters(), "seed": 1, "targets": ("all-linear",)})
    _train(tiny_set, tiny, tmp_path / "other", other)
    with pytest.raises(AssertionError):
        _same_weights(whole[0], tmp_path / "other")


_CHILD = """
import sys
from pathlib import Path
from finetune.training import *
given, base, out = sys.argv[1:]
options = TrainingOptions(rank=4, epochs=2, batch_size=4, lr=5e-3, dtype="fp32", eval_every=5, dropout=0.1)
train(Path(given), BaseModel(Path(base), "hub:somebody/tiny", "cd" * 32), Path(out), options,
      report=lambda event: print(event, flush=True), device="cpu", checkpoint_seconds=0.0)
"""


def test_a_training_that_is_killed_goes_on_to_the_same_weights(
    whole: tuple[Path, list[Event]], tiny: BaseModel, tiny_set: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(tiny_set), str(tiny.folder), str(out)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("Saved(step=7)"):
            break
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    assert not out.exists()
    finished, events = _train(tiny_set, tiny, out, resume=True)
    assert finished
    started = events[0]
    assert isinstance(started, Started)
    assert 7 <= started.step < 10
    _same_weights(whole[0], out)
    ours, theirs = (json.loads((run / "training.json").read_text()) for run in (whole[0], out))
    assert [point["loss"] for point in theirs["curve"]] == pytest.approx(
        [point["loss"] for point in ours["curve"]]
    )
    assert not unfinished_folder(out).exists()


def test_a_training_that_is_asked_to_stop_leaves_a_checkpoint_and_can_go_on(
    whole: tuple[Path, list[Event]], tiny: BaseModel, tiny_set: Path, tmp_path: Path
) -> None:
    out, events = tmp_path / "run", []

    def stopping() -> bool:
        return sum(isinstance(event, Stepped) for event in events) >= 3

    assert not train(tiny_set, tiny, out, QUICK, report=events.append, stopping=stopping, device="cpu")
    assert isinstance(events[-1], Saved)
    assert not out.exists()
    with pytest.raises(ConflictError, match="interrupted") as caught:
        _train(tiny_set, tiny, out)
    assert "--resume" in (caught.value.hint or "")
    changed = TrainingOptions(**{**QUICK.parameters(), "lr": 1e-4, "targets": ("all-linear",)})
    with pytest.raises(InvalidRequestError, match="parameters"):
        _train(tiny_set, tiny, out, changed, resume=True)
    assert _train(tiny_set, tiny, out, resume=True)[0]
    _same_weights(whole[0], out)


def test_it_stops_once_nothing_gets_better(tiny: BaseModel, tiny_set: Path, tmp_path: Path) -> None:
    options = TrainingOptions(rank=4, epochs=9, batch_size=4, lr=0.5, dtype="fp32", eval_every=1, patience=2)
    finished, events = _train(tiny_set, tiny, tmp_path / "run", options)
    assert finished
    validations = [event for event in events if isinstance(event, Validated)]
    assert [event.best for event in validations[-3:]] == [True, False, False]
    assert validations[-1].step < 45
    report = json.loads((tmp_path / "run" / "training.json").read_text())
    assert report["metrics"]["best_step"] == validations[-3].step


def test_lost_weights_end_it_with_advice_and_nothing_is_left(
    tiny: BaseModel, tiny_set: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingFailedError, match="weights are lost") as caught:
        _train(tiny_set, tiny, tmp_path / "run", TrainingOptions(rank=4, lr=1e38, dtype="fp32", warmup=0.0))
    assert "lower --lr" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("training", "validation", "said"), [(15, 5, "at least 16"), (20, 0, "validate")])
def test_too_few_examples_are_refused(
    tiny: BaseModel, tmp_path: Path, training: int, validation: int, said: str
) -> None:
    given = make_tiny_set(tmp_path / "set", training, validation)
    with pytest.raises(InvalidRequestError, match=said):
        _train(given, tiny, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def _missing(given: Path) -> None:
    shutil.rmtree(given)


def _broken_line(given: Path) -> None:
    (given / "train.jsonl").write_text('{"id": 1}\n')


def _broken_card(given: Path) -> None:
    (given / "card.json").write_text("[]")


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (_missing, NotFoundError, "no training set"),
        (_broken_line, InvalidRequestError, "line 1"),
        (_broken_card, InvalidRequestError, "card"),
    ],
)
def test_a_damaged_set_is_refused(
    tiny: BaseModel, tmp_path: Path, damage: Callable[[Path], None], error: type[TandemError], said: str
) -> None:
    given = make_tiny_set(tmp_path / "set")
    damage(given)
    with pytest.raises(error, match=said):
        _train(given, tiny, tmp_path / "run")


def test_examples_that_are_too_long_are_left_out_with_a_warning(tiny: BaseModel, tmp_path: Path) -> None:
    given = make_tiny_set(tmp_path / "set", 40)
    options = TrainingOptions(rank=4, epochs=1, batch_size=16, dtype="fp32", max_length=65)
    finished, events = _train(given, tiny, tmp_path / "run", options)
    assert finished
    assert "longer than 65 tokens are left out" in next(
        one.message for one in events if isinstance(one, Warned)
    )
    assert json.loads((tmp_path / "run" / "training.json").read_text())["examples"]["left_out"] > 0


def test_a_folder_that_is_there_is_never_written_over(
    whole: tuple[Path, list[Event]], tiny: BaseModel, tiny_set: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConflictError, match="already"):
        _train(tiny_set, tiny, whole[0])
    with pytest.raises(NotFoundError, match="no interrupted training"):
        _train(tiny_set, tiny, tmp_path / "run", resume=True)


def test_layers_that_the_base_does_not_have_are_refused(
    tiny: BaseModel, tiny_set: Path, tmp_path: Path
) -> None:
    options = TrainingOptions(targets=("c_attn",), dtype="fp32")
    with pytest.raises(InvalidRequestError, match="c_attn") as caught:
        _train(tiny_set, tiny, tmp_path / "run", options)
    assert "q_proj" in (caught.value.hint or "")


def test_a_base_that_is_cut_off_is_named(tiny: BaseModel, tiny_set: Path, tmp_path: Path) -> None:
    base = shutil.copytree(tiny.folder, tmp_path / "base")
    weights = base / "model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    with pytest.raises(TandemError, match="cannot be loaded") as caught:
        _train(tiny_set, BaseModel(base, "tiny", "0"), tmp_path / "run")
    assert caught.value.type == "model_source_error"


def test_qlora_without_a_gpu_says_what_it_needs(tiny: BaseModel, tiny_set: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CUDA GPU"):
        _train(tiny_set, tiny, tmp_path / "run", TrainingOptions(qlora=True))


def test_a_full_disk_leaves_the_last_checkpoint(
    tiny: BaseModel, tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    real, saves = os.fsync, 0

    def fake_fsync_on_a_full_disk(descriptor: int) -> None:
        nonlocal saves
        saves += 1
        if saves > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as faults:
        faults.setattr(os, "fsync", fake_fsync_on_a_full_disk)
        with pytest.raises(StorageError, match="No space left"):
            _train(tiny_set, tiny, out, checkpoint_seconds=0.0)
    assert not out.exists()
    assert [file.name for file in unfinished_folder(out).iterdir()] == ["checkpoint.safetensors"]
    finished, events = _train(tiny_set, tiny, out, resume=True)
    assert finished
    assert isinstance(events[0], Started)
    assert events[0].step == 2


def test_too_little_memory_says_what_to_lower() -> None:
    with (
        pytest.raises(TrainingFailedError, match="memory of the machine") as caught,
        memory_errors(TrainingOptions(max_length=1234), torch.device("cpu")),
    ):
        torch.empty(2**60, dtype=torch.uint8)
    assert "--max-length (now 1234)" in (caught.value.hint or "")
    assert "--gradient-checkpointing" in (caught.value.hint or "")


def test_other_faults_are_not_taken_for_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="shape"), memory_errors(TrainingOptions(), torch.device("cpu")):
        torch.empty(3).view(2)


def test_a_checkpoint_that_is_none_is_refused(tiny: BaseModel, tiny_set: Path, tmp_path: Path) -> None:
    work = unfinished_folder(tmp_path / "run")
    work.mkdir()
    (work / "checkpoint.safetensors").write_bytes(b"nothing")
    with pytest.raises(InvalidRequestError, match="not a checkpoint"):
        _train(tiny_set, tiny, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("rank", 0), ("lr", float("nan")), ("lr", 0.0), ("epochs", -1.0), ("dropout", 1.0), ("targets", ())],
)
def test_options_that_cannot_be_are_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        TrainingOptions(**{name: value})
    assert caught.value.param == name


def test_two_processes_train_what_one_does(tiny: BaseModel, tiny_set: Path, tmp_path: Path) -> None:
    """Under `accelerate launch` with the configuration that is shipped; without GPUs they meet over gloo."""
    script = tmp_path / "child.py"
    script.write_text(_CHILD.replace(", dropout=0.1", ""))
    options = TrainingOptions(rank=4, epochs=2, batch_size=4, lr=5e-3, dtype="fp32", eval_every=5)
    _train(tiny_set, tiny, tmp_path / "one", options)
    launch = [sys.executable, "-m", "accelerate.commands.launch"]
    config = ["--config_file", "finetune/accelerate/gpus.yaml", "--main_process_port", "0"]
    child = subprocess.run(
        [*launch, *config, str(script), str(tiny_set), str(tiny.folder), str(tmp_path / "two")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
            "OMP_NUM_THREADS": "1",
        },
    )
    assert child.returncode == 0, child.stderr[-2000:]
    assert "processes=2" in child.stdout
    assert child.stdout.count("Stepped(step=1,") == 1
    ours, theirs = (
        json.loads((tmp_path / run / "training.json").read_text())["curve"] for run in ("one", "two")
    )
    assert [point["loss"] for point in theirs] == pytest.approx([point["loss"] for point in ours], rel=1e-4)
    ours_weights, theirs_weights = (load_file(tmp_path / run / WEIGHTS) for run in ("one", "two"))
    for name, weight in ours_weights.items():
        torch.testing.assert_close(weight, theirs_weights[name], rtol=1e-3, atol=1e-4)
