"""From a sentence-transformers folder to a graph of OpenVINO: made once, proved against torch, kept."""

import json
import logging
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tandem.embedding.graph import MODEL, TOKENIZER, Graph
from tandem.errors import ModelSourceError
from tandem.models.disk import one_at_a_time, put_in_place, require_space, storage_errors
from tandem.models.folder import read_json

Report = Callable[[str], None]

_FORMAT = 1
_FACTS = "graph.json"
_LEAST_COSINE = 0.9999
_PROBES = (
    "A virus enters the cell.",
    "",
    "Ünïcödé, 漢字 and \x00 too;  Two  BLANKS ",
    "Bread is baked in an oven at two hundred degrees, and it must rise before that. " * 4,
    "What is longer than the model reads is cut off. " * 1_000,
)
_REFUSALS = (
    RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError, NotImplementedError,
)  # fmt: skip
"""What tracing and converting raise for a model that they do not understand."""


class NotConvertibleError(ModelSourceError):
    """OpenVINO does not run the model; torch does."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"OpenVINO cannot run this embedder: {reason}",
            hint="Set embedding.backend to auto or torch.",
            param="embedding.backend",
        )
        self.reason = reason


def prepare_graph(folder: Path, weights: str, places: Sequence[Path], report: Report) -> Graph:
    """The graph of the model in `folder`, from the first of `places` that has it; else made in the last.

    Making it takes about 10 seconds. `weights` is the fingerprint of the folder's files. A model that was
    found not convertible is remembered too. Raises `NotConvertibleError`, and `StorageError` where the last
    place cannot be written.
    """
    key = _key(folder, weights)
    graphs = next((place for place in places if (place / key / _FACTS).is_file()), places[-1])
    goal = graphs / key
    with storage_errors(graphs):
        if not (goal / _FACTS).is_file():
            graphs.mkdir(parents=True, exist_ok=True)
            with one_at_a_time(
                graphs / f".{goal.name}.lock",
                lambda: report("Embedder: waiting for another process that converts it"),
            ):
                if not (goal / _FACTS).is_file():
                    _make(folder, goal, report)
        facts = read_json(goal / _FACTS) or {}
    if reason := facts.get("refused"):
        raise NotConvertibleError(reason)
    return Graph(goal, **facts)


def _key(folder: Path, weights: str) -> str:
    """Another for other weights, another architecture, another converter."""
    config = sha256((folder / "config.json").read_bytes()).hexdigest()[:8]
    return f"{weights}-{config}-{_FORMAT}-{version('openvino')}-{version('transformers')}"


def _make(folder: Path, goal: Path, report: Report) -> None:
    report(f"Embedder: converting {folder.name} for this processor, once, which takes some seconds")
    made = goal.with_name(f".{goal.name}.making")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    try:
        try:
            require_space(made, 2 * sum(file.stat().st_size for file in folder.glob("*.safetensors")))
            with _quiet():
                facts = _facts(_convert(folder, made))
        except NotConvertibleError as error:
            shutil.rmtree(made)
            made.mkdir()
            facts = {"refused": error.reason}
        (made / _FACTS).write_text(json.dumps(facts))
    except BaseException:  # also Ctrl-C: a half must not fill the disk
        shutil.rmtree(made, ignore_errors=True)
        raise
    put_in_place(made, goal)
    report(f"Embedder: {goal} is ready")


def _facts(graph: Graph) -> dict[str, Any]:
    return {name: value for name, value in asdict(graph).items() if name != "folder"}


def _convert(folder: Path, made: Path) -> Graph:
    """Write graph and tokenizer of the model into `made`; they are proved to give what torch gives."""
    import torch
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    try:
        model = SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": torch.float32, "use_safetensors": True},
        ).eval()
    except SafetensorError as error:
        raise ModelSourceError(
            f"The weights in {folder} are damaged: {error}",
            hint="Install or fetch the model again.",
            param="embedding.model",
        ) from error
    tokenizer = model.tokenizer
    if not getattr(tokenizer, "is_fast", False):
        raise NotConvertibleError("its tokenizer has no fast version")
    fast = type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str())
    fast.no_padding()
    fast.no_truncation()
    try:
        fast.save(str(made / TOKENIZER))
        _trace(model, made / MODEL)
        graph = Graph(
            made,
            max_length=int(model.max_seq_length or 512),
            dimension=int(model.encode([""]).shape[1]),
            pad_id=int(tokenizer.pad_token_id or 0),
            pad_left=tokenizer.padding_side == "left",
        )
        _prove(graph, model)
    except _REFUSALS as error:
        raise NotConvertibleError(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}") from error
    return graph


def _trace(model: Any, goal: Path) -> None:
    """Follow all steps of the model, pooling and dense layers too, from token ids to the vector.

    By OpenVINO's frontend itself: its `convert_model` does the same but reports each call to its makers.
    """
    import openvino
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    class Steps(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            vector: torch.Tensor = self.model(features)["sentence_embedding"]
            return vector

    example = torch.ones((2, 10), dtype=torch.long)
    frontend = FrontEndManager().load_by_framework("pytorch")
    with torch.no_grad():
        decoder = TorchScriptPythonDecoder(
            Steps(), example_input={"input_ids": example, "attention_mask": example.clone()}
        )
        graph = frontend.convert(frontend.load(decoder))
    graph.reshape({"input_ids": [-1, -1], "attention_mask": [-1, -1]})
    openvino.save_model(graph, str(goal), compress_to_fp16=False)


def _prove(graph: Graph, model: Any) -> None:
    """Both must give the same for texts alone and for texts together, where some are padded."""
    from tandem.embedding.openvino_encoder import OpenVinoEncoder

    expected = model.encode(list(_PROBES), convert_to_numpy=True)
    encoder = OpenVinoEncoder(graph, "f32", cores=1)
    for batch_size in (1, len(_PROBES)):
        for one in encoder.passes(_PROBES, "", batch_size):
            vectors, wanted = one.run(), expected[list(one.places)]
            lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(wanted, axis=1)
            cosine = float(((vectors * wanted).sum(axis=1) / np.maximum(lengths, 1e-12)).min())
            if not cosine >= _LEAST_COSINE:
                raise NotConvertibleError(f"the converted model differs, with a cosine of {cosine:.4f}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Tracing warns of every branch that depends on a shape; the proof shows whether it matters."""
    from transformers.utils import logging as transformers_logging

    ours = logging.getLogger("sentence_transformers")
    levels = ours.level, transformers_logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours.setLevel(logging.ERROR)
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        try:
            yield
        finally:
            ours.setLevel(levels[0])
            transformers_logging.set_verbosity(levels[1])
