"""What machine a figure was measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

_PACKAGES = (
    "torch",
    "sentence-transformers",
    "qdrant-edge-py",
    "qdrant-client",
    "llama-index-core",
    "fastapi",
    "uvicorn",
)


def machine() -> dict[str, object]:
    """Processor, cores, Python and the packages that decide a figure."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
