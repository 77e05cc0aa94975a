"""The header of a safetensors file, read with bounds and without its weights.

The format: eight bytes with the header's length, a JSON object `{name: {"dtype", "shape", "data_offsets"}}`,
then the bytes of all tensors without gaps. https://huggingface.co/docs/safetensors
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.errors import InvalidRequestError

_WIDTHS = {
    "F64": 8, "I64": 8, "U64": 8, "C64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "I8": 1, "U8": 1, "BOOL": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1,
}  # fmt: skip
"""Bytes of a number, by the format's name of its kind."""
_MOST_HEADER = 32 * 1024 * 1024
"""Bytes. The library itself allows 100 million; 10,000 tensors need 2."""
_MOST_DIMENSIONS = 8
_HINT = "Is it whole? Fetch it, or train it, again."


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    """Offset of its first byte in the file."""
    size: int
    """Bytes."""


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name. Raises `InvalidRequestError` for any other file."""
    whole = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if whole < 8 or length > min(_MOST_HEADER, whole - 8):
            raise _wrong(file, "its header is longer than it may be")
        try:
            header = json.loads(stream.read(length), object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise _wrong(file, f"its header cannot be read: {error}") from error
    if not isinstance(header, dict):
        raise _wrong(file, "its header is no object")
    header.pop("__metadata__", None)
    begin = 8 + length
    tensors = {name: _tensor(file, name, entry, begin) for name, entry in header.items()}
    end = begin
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].size)):
        if tensor.begin != end:
            raise _wrong(file, f"the bytes of {name[:100]!r} are not where they should be")
        end += tensor.size
    if end != whole:
        raise _wrong(file, f"it has {whole} bytes instead of {end}")
    return tensors


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _tensor(file: Path, name: str, entry: Any, begin: int) -> Tensor:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(first), int(last)]}:
            pass
        case _:
            raise _wrong(file, f"its header says nothing of {name[:100]!r}")
    if dtype not in _WIDTHS:
        raise _wrong(file, f"{name[:100]!r} is of an unknown kind, {dtype[:20]!r}")
    if len(shape) > _MOST_DIMENSIONS or not all(type(one) is int and 0 <= one < 2**40 for one in shape):
        raise _wrong(file, f"{name[:100]!r} has no shape")
    if last - first != math.prod(shape) * _WIDTHS[dtype] or first < 0:
        raise _wrong(file, f"{name[:100]!r} has not the bytes of its shape")
    return Tensor(dtype, tuple(shape), begin + first, last - first)


def _wrong(file: Path, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"{file.name} is not a whole safetensors file: {what}", hint=_HINT)
