"""What machine a figure was measured on."""

import os
import platform
from importlib.metadata import version

from eval.running.machine import processor

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
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }
