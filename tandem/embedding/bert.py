"""BERT in plain torch: the same vectors as sentence-transformers, without the time of importing it.

The network is that of Devlin et al. 2019 (arXiv 1810.04805), as `transformers` lays out its weights:
all-MiniLM, BGE, E5 and GTE in their English sizes are this one. A test compares the vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from tandem.models.folder import read_json, read_modules

if TYPE_CHECKING:
    import torch

    from tandem.index.protocol import Vector

_POOLING: dict[str, Literal["mean", "cls"]] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
}


@dataclass(frozen=True, slots=True)
class _Layer:
    """Weights and bias of each step; query, key and value are one matrix."""

    attention: tuple["torch.Tensor", "torch.Tensor"]
    attention_out: tuple["torch.Tensor", "torch.Tensor"]
    attention_norm: tuple["torch.Tensor", "torch.Tensor"]
    inner: tuple["torch.Tensor", "torch.Tensor"]
    outer: tuple["torch.Tensor", "torch.Tensor"]
    outer_norm: tuple["torch.Tensor", "torch.Tensor"]


def is_plain_bert(folder: Path) -> bool:
    """Whether `BertEncoder` computes this model exactly; sentence-transformers gets anything unusual."""
    config = read_json(folder / "config.json") or {}
    usual = (
        config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not config.get("is_decoder", False)
    )
    settings = read_json(folder / "sentence_bert_config.json") or {}
    files = all((folder / name).is_file() for name in ("tokenizer.json", "model.safetensors"))
    # A setting that is not known here may change the vectors.
    known = set(settings) <= {"max_seq_length", "do_lower_case"} and not settings.get("do_lower_case")
    return usual and files and known and _pooling_of(folder) is not None and _has_usual_names(folder)


def _pooling_of(folder: Path) -> Literal["mean", "cls"] | None:
    """How tokens become one vector, or `None` where it is neither their mean nor the first."""
    steps = read_modules(folder)
    kinds = [str(step.get("type", "")).rpartition(".")[2] for step in steps]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]) or steps[0].get(
        "path"
    ):
        return None
    pooling = read_json(folder / str(steps[1].get("path", "")) / "config.json") or {}
    if not pooling.get("include_prompt", True):
        return None
    if "pooling_mode" in pooling:
        mode = pooling["pooling_mode"]
        return mode if mode in ("mean", "cls") else None
    active = [name for name, on in pooling.items() if name.startswith("pooling_mode_") and on is True]
    return _POOLING.get(active[0]) if len(active) == 1 else None


def _has_usual_names(folder: Path) -> bool:
    from safetensors import safe_open

    with safe_open(str(folder / "model.safetensors"), "numpy") as weights:
        return "embeddings.LayerNorm.weight" in weights.keys()  # noqa: SIM118  # not a mapping


class BertEncoder:
    """A BERT encoder with mean or first-token pooling, on `device` in `dtype`."""

    def __init__(self, folder: Path, device: str, dtype: "torch.dtype") -> None:
        from tokenizers import Tokenizer

        config = read_json(folder / "config.json") or {}
        self._device = device
        self._pooling = _pooling_of(folder)
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config.get("layer_norm_eps", 1e-12))
        self.dimension = int(config["hidden_size"])
        self._load_weights(folder, int(config["num_hidden_layers"]), device, dtype)
        limit = int((read_json(folder / "sentence_bert_config.json") or {}).get("max_seq_length") or 0)
        limit = min(limit or len(self._positions), len(self._positions))
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.max_tokens = limit - len(self._tokenizer.encode("").ids)
        self._tokenizer.enable_truncation(limit)
        # Truncation is part of a tokenizer's state, so counting has one of its own.
        self._counter = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._counter.no_padding()
        self._counter.no_truncation()

    def encode(self, texts: Sequence[str], prompt: str) -> "Vector":
        """See `Encoder.encode`."""
        import torch

        # One by one: the tokenizer's own threads would fight with torch's.
        rows = [self._tokenizer.encode(prompt + text).ids for text in texts]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=self._device)
        lengths = torch.tensor([len(row) for row in rows], device=self._device)
        mask = torch.arange(longest, device=self._device) < lengths[:, None]
        with torch.inference_mode():
            # Without padding the faster kernel, which takes no mask, can be used.
            tokens = self._forward(ids, None if bool(mask.all()) else mask[:, None, None, :]).float()
            if self._pooling == "cls":
                pooled = tokens[:, 0]
            else:
                pooled = (tokens * mask[..., None]).sum(1) / lengths[:, None]
            return cast("Vector", pooled.cpu().numpy())

    def count_tokens(self, text: str) -> int:
        """See `Encoder.count_tokens`."""
        return len(self._counter.encode(text, add_special_tokens=False).ids)

    def _forward(self, ids: "torch.Tensor", mask: "torch.Tensor | None") -> "torch.Tensor":
        """Token vectors `(batch, tokens, dimension)`; `mask` is True where there is a token."""
        from torch.nn import functional as nn

        batch, length = ids.shape
        hidden = self._norm(self._words[ids] + self._positions[:length], self._first_norm)
        for layer in self._layers:
            parts = nn.linear(hidden, *layer.attention).view(batch, length, 3, self._heads, -1)
            query, key, value = parts.permute(2, 0, 3, 1, 4)
            mixed = nn.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            mixed = mixed.transpose(1, 2).reshape(batch, length, self.dimension)
            hidden = self._norm(hidden + nn.linear(mixed, *layer.attention_out), layer.attention_norm)
            inner = nn.gelu(nn.linear(hidden, *layer.inner))
            hidden = self._norm(hidden + nn.linear(inner, *layer.outer), layer.outer_norm)
        return hidden

    def _norm(self, hidden: "torch.Tensor", norm: tuple["torch.Tensor", "torch.Tensor"]) -> "torch.Tensor":
        from torch.nn import functional as nn

        return nn.layer_norm(hidden, (self.dimension,), *norm, self._epsilon)

    def _load_weights(self, folder: Path, layers: int, device: str, dtype: "torch.dtype") -> None:
        import torch
        from safetensors.torch import load_file

        stored = {
            name: weight.to(device, dtype) for name, weight in load_file(folder / "model.safetensors").items()
        }

        def pair(name: str) -> tuple[Any, Any]:
            return stored[f"{name}.weight"], stored[f"{name}.bias"]

        def layer(place: int) -> _Layer:
            base = f"encoder.layer.{place}"
            parts = [pair(f"{base}.attention.self.{part}") for part in ("query", "key", "value")]
            return _Layer(
                attention=(torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])),
                attention_out=pair(f"{base}.attention.output.dense"),
                attention_norm=pair(f"{base}.attention.output.LayerNorm"),
                inner=pair(f"{base}.intermediate.dense"),
                outer=pair(f"{base}.output.dense"),
                outer_norm=pair(f"{base}.output.LayerNorm"),
            )

        self._words = stored["embeddings.word_embeddings.weight"]
        # There is one text in a row, so the second kind of token never occurs.
        self._positions = (
            stored["embeddings.position_embeddings.weight"]
            + stored["embeddings.token_type_embeddings.weight"][0]
        )
        self._first_norm = pair("embeddings.LayerNorm")
        self._layers = [layer(place) for place in range(layers)]
