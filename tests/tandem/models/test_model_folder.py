import json
from pathlib import Path

import pytest

from tandem.errors import ModelSourceError
from tandem.models.folder import check_folder


def test_safetensors_with_a_config_are_accepted(safe_folder: Path):
    check_folder(safe_folder)


def test_a_folder_without_config_is_refused(safe_folder: Path):
    (safe_folder / "config.json").unlink()
    with pytest.raises(ModelSourceError, match=r"config\.json"):
        check_folder(safe_folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_alone_are_refused(safe_folder: Path, name: str):
    (safe_folder / "model.safetensors").rename(safe_folder / name)
    with pytest.raises(ModelSourceError, match="run code"):
        check_folder(safe_folder)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "1_Dense/config.json"])
def test_a_config_that_names_code_of_its_own_is_refused(safe_folder: Path, file: str):
    (safe_folder / file).parent.mkdir(exist_ok=True)
    (safe_folder / file).write_text(json.dumps({"auto_map": {"AutoModel": "modeling_own.OwnModel"}}))
    with pytest.raises(ModelSourceError, match="auto_map"):
        check_folder(safe_folder)


def test_a_module_that_is_not_of_sentence_transformers_is_refused(safe_folder: Path):
    (safe_folder / "modules.json").write_text(json.dumps([{"path": "", "type": "own_code.Transformer"}]))
    with pytest.raises(ModelSourceError, match="own_code"):
        check_folder(safe_folder)


def test_a_missing_shard_is_named(safe_folder: Path):
    listing = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (safe_folder / "model.safetensors.index.json").write_text(json.dumps(listing))
    with pytest.raises(ModelSourceError, match=r"model-2\.safetensors"):
        check_folder(safe_folder)


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_a_broken_config_is_refused(safe_folder: Path, content: str):
    (safe_folder / "config.json").write_text(content)
    with pytest.raises(ModelSourceError, match=r"config\.json"):
        check_folder(safe_folder)
