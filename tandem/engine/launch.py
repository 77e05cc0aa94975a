"""How vLLM is started: its command line and its environment."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tandem.engine.adapters import lora_module
from tandem.settings import EngineSettings

HOST = "127.0.0.1"
_ASK_GPU_S = 10.0

PLUGIN_DIR = Path(__file__).parent / "vllm_plugin"
"""On vLLM's path, so that it finds the plugin that mends its CPU build; nothing else is in it."""
_PLUGIN = "tandem_cpu_lora"

# Of the interpreter that runs Tandem: they would lead vLLM's own to the wrong packages.
_NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def engine_address(settings: EngineSettings) -> str:
    """Where the engine is, or will be, without a slash at the end and without `/v1`."""
    return engine_addresses(settings)[0]


def engine_addresses(settings: EngineSettings) -> list[str]:
    """As `engine_address`, of every replica that the settings name; at least one, each once."""
    named = settings.addresses or ((settings.address,) if settings.address else ())
    if not named:
        return [f"http://{HOST}:{settings.port}"]
    return list(dict.fromkeys(one.rstrip("/").removesuffix("/v1") for one in named))


def engine_command(settings: EngineSettings, model_dir: Path, *, cuda: bool, host: str = HOST) -> list[str]:
    """vLLM's command line. `settings.extra_args` come last, so that they win over all others."""
    command = [
        str(settings.python.absolute()),  # not resolved: the link is what makes it the environment's own
        *("-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(model_dir.absolute())),
        *("--served-model-name", settings.served_name),
        *("--host", host, "--port", str(settings.port)),
        *("--max-model-len", str(settings.context_tokens)),
        # Also without an adapter, so that one can be loaded later.
        *("--enable-lora", "--max-lora-rank", str(settings.max_lora_rank)),
        *("--max-loras", str(max(settings.max_loras, len(settings.adapters)))),
        *("--max-cpu-loras", str(max(settings.max_cpu_loras, len(settings.adapters)))),
        # A recipe's sampling is all of its sampling: the model's own defaults stay out of it.
        *("--generation-config", "vllm"),
        "--disable-uvicorn-access-log",
    ]
    if settings.adapters:
        command += ["--lora-modules"]
        command += [lora_module(name, folder) for name, folder in settings.adapters.items()]
    if cuda:
        command += ["--gpu-memory-utilization", str(settings.gpu_memory_fraction)]
    return [*command, *settings.extra_args]


def engine_environment(settings: EngineSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    """vLLM's environment: what Tandem was started with, less Tandem's own, and vLLM's switches."""
    kept = {
        name: value
        for name, value in inherited.items()
        if name not in _NOT_INHERITED and not name.startswith("TANDEM_")
    }
    if "VLLM_PLUGINS" in kept:  # names the plugins that may be loaded
        kept["VLLM_PLUGINS"] += f",{_PLUGIN}"
    return kept | {
        "PYTHONPATH": str(PLUGIN_DIR),
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        # Read by the CPU build only, which else wants nearly all memory to be free.
        "VLLM_CPU_KVCACHE_SPACE": str(settings.kv_cache_gib),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONSAFEPATH": "1",  # `-m` would put the folder of the start first on the path
        "PYTHONUNBUFFERED": "1",
    }


def has_cuda() -> bool:
    """Whether `nvidia-smi` is there and shows a GPU; blocks up to ten seconds."""
    asked = shutil.which("nvidia-smi")
    if asked is None:
        return False
    try:
        answer = subprocess.run([asked, "-L"], capture_output=True, timeout=_ASK_GPU_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.startswith(b"GPU")
