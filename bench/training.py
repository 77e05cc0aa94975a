"""LoRA training beside TRL's SFTTrainer: the same examples, tokens, batch, adapter and types, in turns.

    python -m bench.training [--set FOLDER] [--examples 24] [--rounds 3] [--trl FOLDER] [--device cuda] [--dry-run]

TRL is no dependency of Tandem. Install it into a folder and name that (`pip install --no-deps --target FOLDER
trl datasets dill multiprocess xxhash pandas python-dateutil pytz tzdata six`; pyarrow is here already). It is set up as its docs say for
prompts with completions, in bf16, three times: with the batch in one padded pass, with one example a pass and
accumulation, so that nothing is padded, and with gradient checkpointing, its default. Each run is a process of its own;
time is that of the training steps, without loading. Tokens are those of prompts and answers, never padding. The
ratio of a round is to the quickest of TRL's ways in it. On a GPU there are 480 examples, for 24 take a second; the
result is kept under the device's name. `--dry-run` counts the tokens, prints the command of each run, and trains nothing.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.device import device as device_of
from bench.machine import machine
from bench.training_examples import covidqa_set
from finetune.examples import TrainingExample, read_examples, write_examples
from finetune.training import BaseModel, Stepped, TrainingOptions, train
from tandem.models import prepare_model
from tandem.settings import Settings

_EXAMPLES = {"cpu": 24, "cuda": 480}
_OPTIONS = TrainingOptions(epochs=1, batch_size=8, eval_every=10_000)
_TRL = {
    "trl_padded": {
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 1,
        "gradient_checkpointing": False,
    },
    "trl_single": {
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 8,
        "gradient_checkpointing": False,
    },
    "trl_default": {
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 1,
        "gradient_checkpointing": True,
    },
}


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print and keep the result; with --run, be one of them."""
    arguments = _arguments(words)
    if arguments.run:
        print(json.dumps(_run(arguments)))
        return
    names = ["tandem", *(_TRL if _has_trl(arguments.trl) else ())]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        given = arguments.set or covidqa_set(arguments.data, Path(folder) / "set")
        if arguments.dry_run:
            _show(names, given, arguments)
            return
        for _ in range(arguments.rounds):
            for name in names:
                runs[name].append(_measured(name, given, arguments))
                print(json.dumps({name: runs[name][-1]}), file=sys.stderr)
    _keep(arguments, runs, time.perf_counter() - begun)


def _show(names: Sequence[str], given: Path, arguments: argparse.Namespace) -> None:
    """What would be trained on, and how each run is started."""
    from finetune.training.encoding import ExampleEncoder

    encoder = ExampleEncoder(prepare_model(arguments.base, Settings().data_dir, lambda step: None))
    examples = list(read_examples(given / "train.jsonl"))[: arguments.examples]
    lengths = [len(encoder.encode(example).ids) for example in examples]
    print(f"# {len(lengths)} examples, {sum(lengths)} tokens, the longest {max(lengths)}, {_OPTIONS.dtype}")
    for name in names:
        print(shlex.join(_command(name, given, arguments)))


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--set", type=Path, help="a training set; without it, one is made of --data")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    parser.add_argument("--base", default=Settings().engine.model)
    parser.add_argument(
        "--examples", type=int, help=f"{_EXAMPLES['cpu']} on a CPU, {_EXAMPLES['cuda']} on a GPU"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trl", type=Path, help="folder that TRL is installed in")
    parser.add_argument("--device", choices=["cpu", "cuda"], default=_device())
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--run", choices=["tandem", *_TRL], help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    arguments.examples = arguments.examples or _EXAMPLES[arguments.device]
    return arguments


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _has_trl(folder: Path | None) -> bool:
    command = [sys.executable, "-c", "import trl, datasets"]
    found = subprocess.run(command, env=_environment(folder), capture_output=True, check=False)
    if found.returncode:
        print("left out, not installed: trl", file=sys.stderr)
    return not found.returncode


def _environment(folder: Path | None) -> dict[str, str]:
    path = [os.environ.get("PYTHONPATH", ""), str(folder or "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}


def _command(name: str, given: Path, arguments: argparse.Namespace) -> list[str]:
    return [
        sys.executable,
        "-m",
        "bench.training",
        "--run",
        name,
        "--set",
        str(given),
        "--base",
        arguments.base,
        "--examples",
        str(arguments.examples),
        "--device",
        arguments.device,
    ]


def _measured(name: str, given: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    command = _command(name, given, arguments)
    done = subprocess.run(
        command, capture_output=True, text=True, env=_environment(arguments.trl), check=False
    )
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _run(arguments: argparse.Namespace) -> dict[str, Any]:
    settings = Settings()
    base = prepare_model(arguments.base, settings.data_dir, lambda step: None)
    examples = list(read_examples(arguments.set / "train.jsonl"))[: arguments.examples]
    if arguments.run == "tandem":
        return _tandem(base, examples, arguments.device)
    return _trl(base, examples, _TRL[arguments.run], arguments.device)


def _tandem(base: Path, examples: list[TrainingExample], device: str) -> dict[str, Any]:
    steps: list[Stepped] = []
    with tempfile.TemporaryDirectory() as name:
        given = Path(name) / "set"
        given.mkdir()
        write_examples(given / "train.jsonl", examples)
        write_examples(given / "validation.jsonl", examples[:1])
        train(
            given,
            BaseModel(base, "bench", ""),
            Path(name) / "run",
            _OPTIONS,
            report=lambda event: steps.append(event) if isinstance(event, Stepped) else None,
            device=device,
        )
    last = steps[-1]
    return _figures(last.tokens, last.tokens / last.tokens_per_s, [step.loss for step in steps])


def _trl(base: Path, examples: list[TrainingExample], how: dict[str, Any], device: str) -> dict[str, Any]:
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from finetune.training.encoding import ExampleEncoder

    encoder = ExampleEncoder(base)
    tokens = sum(len(encoder.encode(example).ids) for example in examples)
    rows = [
        {
            "prompt": [dict(message) for message in example.messages],
            "completion": [{"role": "assistant", "content": example.answer}],
        }
        for example in examples
    ]
    times: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]  # transformers has no types
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            times.append(time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=str(base),
            args=SFTConfig(
                output_dir=folder,
                num_train_epochs=1,
                learning_rate=_OPTIONS.lr,
                lr_scheduler_type="cosine",
                max_length=None,
                completion_only_loss=True,
                bf16=True,
                use_cpu=device == "cpu",
                model_init_kwargs={"dtype": "bfloat16"},
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                **how,
            ),
            train_dataset=Dataset.from_list(rows),
            peft_config=LoraConfig(
                r=_OPTIONS.rank,
                lora_alpha=_OPTIONS.scale_alpha,
                lora_dropout=0.0,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            ),
            callbacks=[Clock()],
        )
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return _figures(tokens, times[-1] - times[0], losses)


def _figures(tokens: int, seconds: float, losses: list[float]) -> dict[str, Any]:
    return {
        "tokens": tokens,
        "seconds": round(seconds, 2),
        "tokens_per_s": round(tokens / seconds, 1),
        "losses": [round(float(loss), 3) for loss in losses],
    }


def _keep(arguments: argparse.Namespace, runs: dict[str, list[dict[str, Any]]], seconds: float) -> None:
    rates = {name: [run["tokens_per_s"] for run in each] for name, each in runs.items()}
    peers = [name for name in rates if name != "tandem"]
    ratios = [
        ours / max(rates[name][number] for name in peers)
        for number, ours in enumerate(rates["tandem"])
        if peers
    ]
    on = device_of(cuda=arguments.device == "cuda")
    report = {
        "command": "python -m bench.training",
        "device": on.facts(),
        "machine": machine() | {"trl": _trl_version(arguments.trl)},
        "examples": arguments.examples,
        "options": _OPTIONS.parameters(),
        "runs": runs,
        "tokens_per_s_median": {name: statistics.median(each) for name, each in rates.items()},
        "tandem_over_quickest_trl_median": round(statistics.median(ratios), 2) if ratios else None,
        "seconds": round(seconds),
    }
    print(json.dumps(report, indent=2))
    on.folder.mkdir(parents=True, exist_ok=True)
    (on.folder / "training.json").write_text(json.dumps(report, indent=2) + "\n")


def _trl_version(folder: Path | None) -> str | None:
    if folder:
        sys.path.append(str(folder))
    try:
        return version("trl")
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
