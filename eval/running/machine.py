"""What a figure was measured on, and with."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("torch", "sentence-transformers", "openvino", "qdrant-edge-py", "qdrant-client", "ragas")


def machine() -> dict[str, object]:
    """Processor, cores and system of this machine."""
    return {"processor": processor(), "cores": os.cpu_count(), "system": platform.system()}


def processor() -> str:
    """Its name, as far as the system tells it."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def versions(packages: Iterable[str] = _PACKAGES) -> dict[str, str]:
    """Of Python, Tandem, and those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in ("tandem-rag", *packages):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
