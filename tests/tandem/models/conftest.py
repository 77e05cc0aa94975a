"""Models made on the spot: a tiny GGUF in a package that is installed as any other is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

TINY = "tiny-gguf-model"
_TEMPLATE = "{% for message in messages %}{{ message['role'] + ': ' + message['content'] }}{% endfor %}"


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with random weights, written by the gguf library itself."""
    import gguf
    import numpy as np

    file = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    width, inner, words = 32, 64, [chr(code) for code in range(33, 127)] + ["Ġ", "ab", "<|end|>"]
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_block_count(2)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(words)
    writer.add_token_types([1] * (len(words) - 1) + [3])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(len(words) - 1)
    writer.add_chat_template(_TEMPLATE)
    random = np.random.default_rng(0)
    shapes = {"token_embd": (len(words), width), "output": (len(words), width), "output_norm": (width,)}
    for layer in range(2):
        shapes |= {f"blk.{layer}.attn_{part}": (width, width) for part in ("q", "k", "v", "output")}
        shapes |= {f"blk.{layer}.{part}": (width,) for part in ("attn_norm", "ffn_norm")}
        shapes |= {f"blk.{layer}.ffn_{part}": (inner, width) for part in ("gate", "up")}
        shapes |= {f"blk.{layer}.ffn_down": (width, inner)}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", random.standard_normal(shape, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture
def tiny_package(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """`pypi:tiny-gguf-model` is installed; gives the place of its GGUF file."""
    site = tmp_path / "site"
    module, listing = site / "tiny_gguf_model", site / "tiny_gguf_model-1.0.dist-info"
    module.mkdir(parents=True)
    listing.mkdir()
    (module / "__init__.py").write_text("raise RuntimeError('a model package must not be imported')")
    (module / "tiny.gguf").write_bytes(tiny_gguf.read_bytes())
    (listing / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {TINY}\nVersion: 1.0\n")
    (listing / "RECORD").write_text("tiny_gguf_model/__init__.py,,\ntiny_gguf_model/tiny.gguf,,\n")
    monkeypatch.syspath_prepend(site)
    yield module / "tiny.gguf"


@pytest.fixture
def safe_folder(tmp_path: Path) -> Path:
    """The least that is accepted as a model folder."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "model.safetensors").write_bytes(b"\0")
    return folder
