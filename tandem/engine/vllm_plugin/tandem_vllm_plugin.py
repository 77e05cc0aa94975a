"""Runs inside vLLM, not in Tandem: mends the LoRA of vLLM's CPU build. Imports nothing but vLLM and torch.

In a batch, a row that no adapter belongs to has the index -1. vLLM's torch operators use it as an index, and so
give such a row the weights of the last slot: a request to the base model that shares a batch with one to an adapter
is answered by an adapter (seen in 0.32.0). They also copy a matrix for each token, which makes reading a prompt
through an adapter much slower than through the base model.

The operators here multiply run by run: rows of one adapter by its matrix, rows of none not at all. The Triton
kernels of GPUs do that already.
"""

from collections.abc import Iterator
from typing import Any


def register() -> None:
    """Put the operators in the place of vLLM's; vLLM calls this in each of its processes, maybe more than once."""
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    from vllm.lora.ops.torch_ops import lora_ops
    from vllm.lora.punica_wrapper import punica_cpu

    for operator in (
        sgmv_shrink,
        sgmv_expand,
        sgmv_expand_slice,
        bgmv_shrink,
        bgmv_expand,
        bgmv_expand_slice,
    ):
        setattr(lora_ops, operator.__name__, operator)
        setattr(punica_cpu, operator.__name__, operator)


def sgmv_shrink(
    inputs: Any, weights: Any, output: Any, _starts: Any, lengths: Any, slots: Any, *rest: Any
) -> None:
    """`output[rows] = scale * inputs[rows] @ weights[slot].T` for each run of rows; `rest` ends with the scale."""
    _shrink(inputs, weights, output, _runs(slots.tolist(), lengths.tolist()), rest[3])


def sgmv_expand(
    inputs: Any, weights: Any, output: Any, _starts: Any, lengths: Any, slots: Any, *rest: Any
) -> None:
    """`output[rows] += inputs[rows] @ weights[slot].T`, or `=` where `rest` ends with false."""
    add = rest[3] if len(rest) > 3 else False
    _expand(inputs, weights, output, _runs(slots.tolist(), lengths.tolist()), 0, add)


def sgmv_expand_slice(
    inputs: Any, weights: Any, output: Any, _starts: Any, lengths: Any, slots: Any, *rest: Any
) -> None:
    """As `sgmv_expand`, into the columns from `rest[3]` on."""
    add = rest[5] if len(rest) > 5 else False
    _expand(inputs, weights, output, _runs(slots.tolist(), lengths.tolist()), rest[3], add)


def bgmv_shrink(inputs: Any, weights: Any, output: Any, slots: Any, scaling: float = 1.0) -> None:
    """As `sgmv_shrink`, with a slot for each row."""
    _shrink(inputs, weights, output, _runs_of_rows(slots), scaling)


def bgmv_expand(inputs: Any, weights: Any, output: Any, slots: Any, add_inputs: bool = True) -> None:
    """As `sgmv_expand`, with a slot for each row."""
    _expand(inputs, weights, output, _runs_of_rows(slots), 0, add_inputs)


def bgmv_expand_slice(
    inputs: Any,
    weights: Any,
    output: Any,
    slots: Any,
    slice_offset: int,
    slice_size: int,
    add_inputs: bool = True,
) -> None:
    """As `sgmv_expand_slice`, with a slot for each row."""
    _expand(inputs, weights, output, _runs_of_rows(slots), slice_offset, add_inputs)


def _shrink(
    inputs: Any, weights: Any, output: Any, runs: Iterator[tuple[slice, int]], scaling: float
) -> None:
    for rows, slot in runs:
        matrix = _matrix(weights, slot).to(output.dtype)
        output[rows, : matrix.shape[0]] = scaling * (inputs[rows].to(output.dtype) @ matrix.T)


def _expand(
    inputs: Any, weights: Any, output: Any, runs: Iterator[tuple[slice, int]], offset: int, add: bool
) -> None:
    for rows, slot in runs:
        matrix = _matrix(weights, slot).to(output.dtype)
        # The adapter's and the model's vocabulary may be padded differently.
        columns = slice(offset, min(offset + matrix.shape[0], output.shape[1]))
        product = (inputs[rows].to(output.dtype) @ matrix.T)[:, : columns.stop - offset]
        if add:
            output[rows, columns] += product
        else:
            output[rows, columns] = product


def _matrix(weights: Any, slot: int) -> Any:
    """The slot's matrix; some layers keep a dimension of 1 before it."""
    return weights[slot].squeeze(0) if weights.dim() == 4 else weights[slot]


def _runs_of_rows(slots: Any) -> Iterator[tuple[slice, int]]:
    listed = slots.tolist()
    return _runs(listed, [1] * len(listed))


def _runs(slots: list[int], lengths: list[int]) -> Iterator[tuple[slice, int]]:
    """Rows that follow each other and have one adapter, with its slot; rows without one are left out."""
    begin = end = 0
    for place, (slot, length) in enumerate(zip(slots, lengths, strict=True)):
        end += length
        if place + 1 < len(slots) and slots[place + 1] == slot:
            continue
        if slot >= 0 and end > begin:
            yield slice(begin, end), slot
        begin = end
