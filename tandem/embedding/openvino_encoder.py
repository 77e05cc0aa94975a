"""The model as a graph that OpenVINO runs on the processor.

Each core has a stream of its own, fed with small batches: the activations of about a thousand tokens stay
in the core's cache, and no core waits for another inside of a layer. `bench/embedding.py` holds the figures.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tandem.embedding.encoder import Pass
from tandem.embedding.graph import Graph

if TYPE_CHECKING:
    from tandem.index.protocol import Vector

_TOKENS = 1_024
"""Tokens in one pass, padding included."""
_STEP = 8
"""Lengths are rounded up to it: the kernels are made for each shape anew, and kept (see `rows_of`)."""
_SLICE = 4_096
"""Texts tokenized at a time: they are sorted by their tokens within it."""
_STREAMS = 8

Ids = NDArray[np.int64]


class OpenVinoEncoder:
    """An `Encoder` of a converted model."""

    spare = 0

    def __init__(self, graph: Graph, precision: str, cores: int) -> None:
        """Compile `graph` in a fraction of a second; `precision` is `f32` or `bf16`, of the inner sums."""
        import openvino
        from tokenizers import Tokenizer

        self._counter, self._cutter = (Tokenizer.from_file(str(graph.tokenizer)) for _ in range(2))
        self._cutter.enable_truncation(graph.max_length)
        self._pad, self._pad_left = graph.pad_id, graph.pad_left
        self.parallel = min(cores, _STREAMS)
        compiled = openvino.Core().compile_model(
            str(graph.model),
            "CPU",
            {
                "PERFORMANCE_HINT": "THROUGHPUT",
                "NUM_STREAMS": self.parallel,
                "INFERENCE_NUM_THREADS": cores,
                "INFERENCE_PRECISION_HINT": precision,
                # A pinned thread waits for its core even where another is free.
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(self.parallel):
            request = compiled.create_infer_request()
            # One after the other: two threads that make the library's first call at once can lock each
            # other out, one with Python's lock and one with that of what the call prepares.
            request.infer([np.full((1, 1), self._pad), np.ones((1, 1), dtype=np.int64)])[0].astype(np.float32)
            self._free.put(request)
        self.dimension = graph.dimension
        self.max_tokens = graph.max_length - len(self._counter.encode("").ids)

    def passes(self, texts: Sequence[str], prompt: str, batch_size: int) -> Iterator[Pass]:
        """Batches of like length in tokens, and of about as many tokens each."""
        # Longest first: a batch that does not fit in memory fails at once, not after an hour.
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        for start in range(0, len(order), _SLICE):
            places = order[start : start + _SLICE]
            encoded = self._cutter.encode_batch_fast([prompt + texts[place] for place in places])
            rows = [(place, np.array(one.ids)) for place, one in zip(places, encoded, strict=True)]
            rows.sort(key=lambda row: -len(row[1]))
            while rows:
                width = -(-len(rows[0][1]) // _STEP) * _STEP
                count = min(batch_size, max(1, _TOKENS // width))
                batch, rows = rows[:count], rows[count:]
                shape = rows_of(len(batch), count), width
                yield Pass(
                    [place for place, _ in batch], partial(self._infer, [ids for _, ids in batch], shape)
                )

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` alone, without the marks that the model adds around it."""
        return len(self._counter.encode(text, add_special_tokens=False).ids)

    def token_starts(self, text: str) -> list[int]:
        """Where each token of `text` begins, in characters, in order; as many as `count_tokens` says."""
        return [start for start, _ in self._counter.encode(text, add_special_tokens=False).offsets]

    def close(self) -> None:
        """There is nothing to let go of."""

    def _infer(self, rows: Sequence[Ids], shape: tuple[int, int]) -> "Vector":
        width = shape[1]
        ids = np.full(shape, self._pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        # Rows beyond the texts are the first text again: one of nothing but padding has no mean.
        for row, tokens in enumerate([*rows, *[rows[0]] * (shape[0] - len(rows))]):
            filled = slice(width - len(tokens), width) if self._pad_left else slice(len(tokens))
            ids[row, filled], mask[row, filled] = tokens, 1
        request = self._free.get()
        try:
            found = request.infer([ids, mask])[0][: len(rows)]
            vectors: Vector = found.astype(np.float32)  # a copy: the buffer is reused
        finally:
            self._free.put(request)
        return vectors


def rows_of(texts: int, most: int) -> int:
    """Rows of the pass for so many texts: 1, 2, 3, 4, 6, 8, 12, 16 and so on, but `most` at most.

    Each stream keeps what it has made for a shape, a third of a MiB for the default model. How many questions share a
    pass is chance, so with a row for each text a server would go on making shapes for hours.
    """
    step = max(1, (1 << (texts - 1).bit_length()) // 4)
    return min(-(-texts // step) * step, most)
