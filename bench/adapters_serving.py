"""What adapters cost: vLLM with 0, 1 and 8 of them, at 1 to 256 requests at a time.

    python -m bench.adapters_serving [--device cuda] [--models default,llama-8b] [--adapters 0,1,8]
                                     [--concurrent 1,4,16,64,256] [--tokens 128] [--dry-run]

For each model and number of adapters a vLLM is started with the command line of `tandem up`; without adapters, LoRA
is off. The requests go round the adapters, whose weights are random: what they say is nonsense, what it costs is
not. `default` is the default model; the others are architectures without weights (`--load-format dummy`), with its
tokenizer. Prompts are those of the recipe `rag`, of random passages of Tandem's own pages, and every answer has
just as many tokens. Time to first token is as a client sees it, from before the connection.

Without a GPU the defaults are small, and show that the way is passable. `--dry-run` makes models and adapters, has
vLLM's own parser read the command lines, prints them, and starts nothing.
"""

import argparse
import asyncio
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.device import device, engine_versions
from bench.dummy_models import SHAPES, parameters_of, write_adapters, write_dummy
from bench.machine import machine
from bench.overhead import free_port
from bench.streamed_load import Load, measure, prompts
from tandem.engine.launch import engine_command, engine_environment, has_cuda
from tandem.engine.process import EngineProcess, last_lines
from tandem.models import prepare_model
from tandem.settings import EngineSettings, Settings

_DEFAULT = "default"
_RANK = 16
_START_S = 900.0
_DEFAULTS: dict[str, dict[str, Any]] = {
    "cuda": {
        "models": [_DEFAULT, "llama-8b"],
        "adapters": [0, 1, 8],
        "concurrent": [1, 4, 16, 64, 256],
        "tokens": 128,
        "passages": 4,
        "rounds": 2,
    },
    "cpu": {
        "models": [_DEFAULT],
        "adapters": [0, 1, 2],
        "concurrent": [1, 4],
        "tokens": 16,
        "passages": 1,
        "rounds": 1,
    },
}
_LEAST_REQUESTS = {"cuda": 8, "cpu": 4}
_PARSE = """
import json, sys
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.utils.argparse_utils import FlexibleArgumentParser
try:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
except ImportError:
    from vllm.entrypoints.openai.cli_args import make_arg_parser, validate_parsed_serve_args
parser = make_arg_parser(FlexibleArgumentParser())
for arguments in json.load(sys.stdin):
    read = parser.parse_args(arguments)
    validate_parsed_serve_args(read)
    AsyncEngineArgs.from_cli_args(read)
    told = {"load_format": str(read.load_format), "lora": bool(read.enable_lora)}
    told |= {"max_loras": read.max_loras, "adapters": [one.name for one in read.lora_modules or []]}
    print("read:", json.dumps(told))
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One vLLM to be started, and the names that its requests go round."""

    model: str
    folder: Path
    settings: EngineSettings
    names: tuple[str, ...]

    def command(self, *, cuda: bool) -> list[str]:
        """Its command line."""
        return engine_command(self.settings, self.folder, cuda=cuda)


def main(given: Sequence[str] | None = None) -> None:
    """Measure, print and keep the result; or show what would be done."""
    arguments = read_arguments(given)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = make_models(arguments.models, folder)
        starts = list(plan(arguments, models, folder))
        if arguments.dry_run:
            show(arguments, starts)
            return
        runs = [asyncio.run(_run(start, arguments, folder)) for start in starts]
        _keep(arguments, models, runs)


def read_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, with what the device makes of those that are not named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if has_cuda() else "cpu")
    parser.add_argument(
        "--models", type=lambda text: text.split(","), help=f"{_DEFAULT}, {', '.join(SHAPES)}"
    )
    parser.add_argument("--adapters", type=_numbers)
    parser.add_argument("--concurrent", type=_numbers)
    parser.add_argument("--tokens", type=int, help="of each answer")
    parser.add_argument("--passages", type=int, help="of 220 words, in each prompt")
    parser.add_argument("--rounds", type=int, help="requests of each stream, at the least")
    parser.add_argument("--engine-args", type=shlex.split, default=[], help="further arguments for vLLM")
    parser.add_argument("--dry-run", action="store_true")
    arguments = parser.parse_args(given)
    for name, value in _DEFAULTS[arguments.device].items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    unknown = set(arguments.models) - {_DEFAULT, *SHAPES}
    if unknown:
        parser.error(f"there is no model {', '.join(sorted(unknown))}: {_DEFAULT}, {', '.join(SHAPES)}")
    return arguments


def make_models(names: Sequence[str], folder: Path, default: Path | None = None) -> dict[str, Path]:
    """The folder of each model; `default` is that of the default model where it is there already."""
    settings = Settings()
    default = default or prepare_model(settings.engine.model, settings.data_dir, lambda step: None)
    return {
        name: default if name == _DEFAULT else write_dummy(SHAPES[name], default, folder / name)
        for name in names
    }


def plan(arguments: argparse.Namespace, models: dict[str, Path], folder: Path) -> Iterator[Start]:
    """Every vLLM that is started, with its adapters made; what is not measured is as Tandem's settings have it."""
    own = Settings().engine
    for model, place in models.items():
        made = write_adapters(place, max(arguments.adapters), _RANK, folder / f"{model}-adapters")
        for count in arguments.adapters:
            adapters = dict(list(made.items())[:count])
            extra = [] if adapters else ["--no-enable-lora"]
            extra += [] if model == _DEFAULT else ["--load-format", "dummy"]
            settings = own.model_copy(
                update={
                    "port": free_port(),
                    "adapters": adapters,
                    "max_lora_rank": _RANK,
                    "max_loras": max(1, count),
                    "max_cpu_loras": max(1, count),
                    "extra_args": (*own.extra_args, *extra, *arguments.engine_args),
                }
            )
            yield Start(model, place, settings, tuple(adapters) or (settings.served_name,))


def loads(arguments: argparse.Namespace) -> list[Load]:
    """What is asked of each vLLM, one after another."""
    least = _LEAST_REQUESTS[arguments.device]
    return [
        Load(many, max(many * arguments.rounds, least), arguments.tokens) for many in arguments.concurrent
    ]


def show(arguments: argparse.Namespace, starts: Sequence[Start]) -> None:
    """Print what would be done. Raises `SystemExit` where vLLM would not take a command line."""
    cuda = arguments.device == "cuda"
    commands = [start.command(cuda=cuda) for start in starts]
    for start, command in zip(starts, commands, strict=True):
        print(f"# {start.model}, {len(start.settings.adapters)} adapters\n{shlex.join(command)}")
    for load in loads(arguments):
        asked = f"{load.requests} requests of {arguments.passages} passages, {load.tokens} tokens each"
        print(f"# {load.concurrent} at a time: {asked}", flush=True)
    print(_read_by_vllm(commands))


def _read_by_vllm(commands: Sequence[Sequence[str]]) -> str:
    python = Path(commands[0][0])
    if not python.exists():
        return f"not read by vLLM's parser: there is no {python.name} of an engine; `make setup` makes it"
    arguments = [command[3:] for command in commands]  # after `-m MODULE`
    done = subprocess.run(
        [python, "-c", _PARSE],
        input=json.dumps(arguments),
        env=engine_environment(EngineSettings(), {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"vLLM does not take this:\n{done.stderr[-2000:]}")
    return "\n".join(line for line in done.stdout.splitlines() if line.startswith("read:"))


async def _run(start: Start, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All loads of one vLLM, which is gone afterwards."""
    address, log = f"http://127.0.0.1:{start.settings.port}", folder / "engine.log"
    command = start.command(cuda=arguments.device == "cuda")
    begun = time.perf_counter()
    process = await EngineProcess.start(command, engine_environment(start.settings, os.environ), log)
    try:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(trust_env=False, timeout=_START_S, limits=limits) as http:
            await _healthy(http, address, process, log)
            healthy = time.perf_counter() - begun
            warm = Load(len(start.names), 2 * len(start.names), 2)
            await measure(
                http, address, start.names, list(prompts(warm.requests, arguments.passages, 99)), warm
            )
            figures = []
            for number, load in enumerate(loads(arguments)):
                asked = list(prompts(load.requests, arguments.passages, number))
                figures.append(await measure(http, address, start.names, asked, load))
                print(json.dumps({start.model: len(start.settings.adapters)} | figures[-1]), file=sys.stderr)
    finally:
        await process.stop()
    return {
        "model": start.model,
        "adapters": len(start.settings.adapters),
        "start_s": round(healthy, 1),
        "loads": figures,
    }


async def _healthy(http: httpx.AsyncClient, address: str, process: EngineProcess, log: Path) -> None:
    ended = asyncio.ensure_future(process.wait())
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if ended.done():
            raise SystemExit(f"vLLM has ended:\n{last_lines(log)}")
        try:
            if (await http.get(f"{address}/health", timeout=5)).is_success:
                ended.cancel()
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.5)
    raise SystemExit(f"vLLM was not healthy within {_START_S:g} s:\n{last_lines(log)}")


def _keep(arguments: argparse.Namespace, models: dict[str, Path], runs: list[dict[str, Any]]) -> None:
    on = device(cuda=arguments.device == "cuda")
    named = {name: getattr(arguments, name) for name in _DEFAULTS["cuda"]}
    report = {
        "command": command_of(arguments),
        "device": on.facts(),
        "engine": engine_versions(Settings().engine.python),
        "machine": machine(),
        "options": named | {"rank": _RANK, "engine_args": arguments.engine_args},
        "parameters": {name: parameters_of(folder) for name, folder in models.items()},
        "runs": runs,
    }
    print(json.dumps(report, indent=2))
    on.folder.mkdir(parents=True, exist_ok=True)
    (on.folder / "adapters_serving.json").write_text(json.dumps(report, indent=2) + "\n")


def command_of(arguments: argparse.Namespace) -> str:
    """By which it can be measured again."""
    words = ["python -m bench.adapters_serving", f"--device {arguments.device}"]
    for name, default in _DEFAULTS[arguments.device].items():
        value = getattr(arguments, name)
        if value != default:
            words.append(f"--{name} {','.join(map(str, value)) if isinstance(value, list) else value}")
    if arguments.engine_args:
        words.append(f"--engine-args {shlex.quote(shlex.join(arguments.engine_args))}")
    return " ".join(words)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
