"""What the machine computes with: device, number format, threads."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

_CPUINFO = Path("/proc/cpuinfo")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_GPUS = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))  # NVIDIA, the same under WSL, AMD
_BFLOAT16_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})  # the last is ARM's


def choose_device() -> str:
    """`cuda` where torch reaches a GPU, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def suits_openvino(gpus: Sequence[Path] = _GPUS) -> bool:
    """Whether embedding belongs on this processor, and it is of the kind that was measured.

    Loading torch only to hear that there is no GPU would take longer than all else at the start.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    return not any(gpu.exists() for gpu in gpus) or choose_device() == "cpu"


def choose_dtype(setting: Literal["auto", "float32", "bfloat16"], device: str) -> "torch.dtype":
    """The number format of weights and activations: `auto` is bfloat16 where the hardware computes in it."""
    import torch

    if setting != "auto":
        return torch.bfloat16 if setting == "bfloat16" else torch.float32
    native = torch.cuda.is_bf16_supported() if device == "cuda" else cpu_computes_bfloat16()
    return torch.bfloat16 if native else torch.float32


def cpu_computes_bfloat16(cpuinfo: Path = _CPUINFO) -> bool:
    """Whether the CPU has instructions for bfloat16; without them it is slower than float32."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return False
    flags = next(
        (line.partition(":")[2] for line in lines if line.lower().startswith(("flags", "features"))), ""
    )
    return not _BFLOAT16_FLAGS.isdisjoint(flags.split())


def usable_cores(quota: Path = _QUOTA) -> int:
    """Cores that this process may really use: its affinity, and the quota of its container.

    torch does not look at the quota, and too many threads take turns on too few cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        granted, period = quota.read_text().split()
        return max(1, min(cores, round(int(granted) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return cores
