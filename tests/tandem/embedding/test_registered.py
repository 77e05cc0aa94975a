"""The registry of tuned embedders: versions are immutable, numbered in turn, whole, and found by their ref."""

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tandem.embedding.loading import embedder_folder
from tandem.embedding.registered import (
    EmbedderFacts,
    EmbedderVersion,
    check_name,
    embedder_versions,
    find_embedder,
    is_ref,
    register_embedder,
    registered_folder,
)
from tandem.errors import InvalidRequestError, ModelSourceError, NotFoundError, StorageError

FACTS = EmbedderFacts("pypi:x", "b" * 16, "f" * 16, "d" * 64, {"lr": 1e-4}, {"helps": True}, 3.5)


def writing(text: str = "weights") -> Callable[[Path], EmbedderFacts]:
    def write(folder: Path) -> EmbedderFacts:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text("{}")
        (folder / "model.safetensors").write_text(text)
        return FACTS

    return write


def register(data_dir: Path, name: str = "mine", text: str = "weights") -> EmbedderVersion:
    return register_embedder(data_dir, name, writing(text), author="ada", note="why")


def test_versions_are_numbered_and_say_all_about_themselves(tmp_path: Path) -> None:
    first, second = register(tmp_path), register(tmp_path)
    assert (first.ref, second.ref) == ("mine@1", "mine@2")
    assert (first.facts, first.author, first.note) == (FACTS, "ada", "why")
    assert set(first.files) == {"model.safetensors", "1_Pooling/config.json"}
    assert first.size == len("weights") + 2
    assert embedder_versions(tmp_path) == [second, first]
    assert embedder_versions(tmp_path, "other") == []
    assert find_embedder(tmp_path, "mine") == second
    assert find_embedder(tmp_path, "mine@1") == first


def test_a_ref_is_a_source_of_a_model(tmp_path: Path) -> None:
    register(tmp_path)
    assert embedder_folder("mine@1", tmp_path) == tmp_path / "embedders" / "mine" / "1"
    with pytest.raises(NotFoundError) as raised:
        embedder_folder("mine@2", tmp_path)
    assert "mine@1" in (raised.value.hint or "")


@pytest.mark.parametrize("source", ["pypi:x", "hub:a/b@main", "a/b", "mine", "mine@", "mine@0", "../x@1"])
def test_other_sources_are_no_refs(source: str) -> None:
    assert not is_ref(source)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "x.y", "-x", "x" * 65])
def test_a_name_that_could_be_a_path_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError):
        check_name(name)
    with pytest.raises(InvalidRequestError):
        register(tmp_path, name)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    register(tmp_path)
    assert registered_folder(tmp_path, "mine@1").is_dir()
    (tmp_path / "embedders" / "mine" / "1" / "model.safetensors").write_text("WEIGHTS")
    with pytest.raises(ModelSourceError, match=r"model\.safetensors has another hash"):
        registered_folder(tmp_path, "mine@1")


def test_a_full_disk_or_a_stop_leaves_no_version_and_no_half(tmp_path: Path) -> None:
    register(tmp_path)

    def fake_full(folder: Path) -> EmbedderFacts:
        (folder / "model.safetensors").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    def fake_stop(folder: Path) -> EmbedderFacts:
        raise KeyboardInterrupt

    with pytest.raises(StorageError, match="No space left"):
        register_embedder(tmp_path, "mine", fake_full, author="ada")
    with pytest.raises(KeyboardInterrupt):
        register_embedder(tmp_path, "mine", fake_stop, author="ada")
    assert [version.number for version in embedder_versions(tmp_path)] == [1]
    assert not list((tmp_path / "embedders" / "mine").glob(".making-*"))


def test_many_at_once_get_numbers_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: register(tmp_path, text=f"weights {n}"), range(8)))
    assert sorted(version.number for version in made) == list(range(1, 9))
    assert len({version.files["model.safetensors"] for version in made}) == 8


def test_graphs_beside_are_no_versions(tmp_path: Path) -> None:
    (tmp_path / "embedders" / "abc-1-2026.4.1" / "1").mkdir(parents=True)
    assert embedder_versions(tmp_path) == []
