import json
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest

from tandem.embedding import Embedder, converting, load_embedder
from tandem.embedding.openvino_encoder import OpenVinoEncoder
from tandem.embedding.torch_encoder import TorchEncoder
from tandem.settings import EmbeddingSettings

TEXTS = ["birds", "", "The sea is wide. " * 80, *(f"{'word ' * number}end" for number in range(0, 120, 7))]


@pytest.fixture(scope="session")
def cls_model(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like the default model, but it takes the vector of its first token, and no Normalize follows."""
    folder = Path(shutil.copytree(minilm, tmp_path_factory.mktemp("models") / "cls"))
    pooling = folder / "1_Pooling" / "config.json"
    settings = json.loads(pooling.read_text())
    settings |= {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    pooling.write_text(json.dumps(settings))
    steps = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps(steps[:2]))
    return folder


@pytest.fixture(autouse=True)
def _empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No graph that was made before is found."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def _load(model: Path, data_dir: Path, **changes: object) -> tuple[Embedder, list[str]]:
    heard: list[str] = []
    settings = EmbeddingSettings.model_validate({"model": str(model), "dtype": "float32"} | changes)
    return load_embedder(settings, data_dir, heard.append), heard


@pytest.mark.parametrize("pooling", ["mean", "first token"])
def test_both_backends_give_the_same_vectors(pooling: str, minilm: Path, cls_model: Path, tmp_path: Path):
    model = minilm if pooling == "mean" else cls_model
    fast, _ = _load(model, tmp_path, backend="openvino")
    plain, _ = _load(model, tmp_path, backend="torch")
    assert isinstance(fast._encoder, OpenVinoEncoder)
    assert isinstance(plain._encoder, TorchEncoder)
    np.testing.assert_allclose(fast.embed_documents(TEXTS), plain.embed_documents(TEXTS), atol=2e-5)
    for text in TEXTS:
        assert fast.count_tokens(text) == plain.count_tokens(text)
        assert fast.token_starts(text) == plain.token_starts(text)
    assert (fast.fingerprint, fast.max_tokens, fast.dimension) == (
        plain.fingerprint,
        plain.max_tokens,
        plain.dimension,
    )
    fast.close()
    plain.close()


def test_a_model_is_converted_once_and_that_is_told(minilm: Path, tmp_path: Path):
    first, told = _load(minilm, tmp_path)
    first.close()
    made = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()}
    second, silence = _load(minilm, tmp_path)
    second.close()
    assert "converting" in told[0]
    assert silence == []
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()} == made
    assert {file.name for file in made if not file.name.endswith(".lock")} == {
        "model.xml",
        "model.bin",
        "tokenizer.json",
        "graph.json",
    }


def test_what_was_made_without_a_data_folder_serves_all(minilm: Path, tmp_path: Path):
    settings = EmbeddingSettings(model=str(minilm))
    load_embedder(settings).close()
    heard: list[str] = []
    load_embedder(settings, tmp_path / "data", heard.append).close()
    assert heard == []
    assert not (tmp_path / "data").exists()
    assert [folder.name for folder in (tmp_path / "home/.cache/tandem").iterdir()] == ["embedders"]


def test_a_model_that_converts_to_something_else_stays_with_torch(
    minilm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patched:
        patched.setattr(converting, "_LEAST_COSINE", 1.1)  # a fake: no conversion is as good as that
        embedder, told = _load(minilm, tmp_path)
    assert isinstance(embedder._encoder, TorchEncoder)
    assert "differs" in told[-1]
    embedder.close()
    again, remembered = _load(minilm, tmp_path)
    again.close()
    assert isinstance(again._encoder, TorchEncoder)
    assert remembered == told[-1:]
    with pytest.raises(converting.NotConvertibleError, match="differs"):
        _load(minilm, tmp_path, backend="openvino")


def test_a_model_that_pools_without_its_prompt_stays_with_torch(minilm: Path, tmp_path: Path):
    folder = Path(shutil.copytree(minilm, tmp_path / "copy"))
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps(json.loads(pooling.read_text()) | {"include_prompt": False}))
    embedder, told = _load(folder, tmp_path, document_prompt="passage: ")
    embedder.close()
    assert isinstance(embedder._encoder, TorchEncoder)
    assert "prompt" in told[0]


def test_where_nothing_can_be_kept_torch_runs_the_model(minilm: Path, tmp_path: Path):
    (tmp_path / "file").write_text("a file where the folder should stand")
    embedder, told = _load(minilm, tmp_path / "file")
    embedder.close()
    assert isinstance(embedder._encoder, TorchEncoder)
    assert "Cannot write" in told[0]


def test_two_processes_convert_once(minilm: Path, tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    started = [context.Process(target=_load_and_tell, args=(minilm, tmp_path, queue)) for _ in range(2)]
    for process in started:
        process.start()
    told = sorted(queue.get(timeout=200) for _ in started)
    for process in started:
        process.join(30)
    assert [sum("converting" in line for line in lines) for lines in told] in ([0, 1], [1, 0])


def _load_and_tell(model: Path, data_dir: Path, queue: "multiprocessing.Queue[list[str]]") -> None:
    embedder, heard = _load(model, data_dir)
    embedder.close()
    queue.put(heard)
