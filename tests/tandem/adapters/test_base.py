import json
from pathlib import Path

import pytest
from tiny_adapter import tiny_base

from tandem.adapters import base as base_module
from tandem.adapters.base import KEPT, base_hash
from tandem.errors import ModelSourceError
from tandem.models.manifest import Origin, find_damage, read_manifest, write_manifest


def test_how_weights_are_spread_over_files_does_not_matter(tmp_path: Path):
    one = tiny_base(tmp_path / "one")
    many = tiny_base(tmp_path / "many", max_shard_size="20KB")
    assert len(list(many.glob("*.safetensors"))) > 1
    assert base_hash(one) == base_hash(many)


def test_another_weight_is_another_hash(tmp_path: Path):
    one = tiny_base(tmp_path / "one")
    before = base_hash(one)
    file = one / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert base_hash(one) != before
    assert base_hash(tiny_base(tmp_path / "two", seed=1)) != before


def test_the_hash_is_kept_and_bytes_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    one = tiny_base(tmp_path / "one")
    first = base_hash(one)
    monkeypatch.setattr(base_module, "_hash", lambda files: pytest.fail("hashed again"))
    assert base_hash(one) == first


def test_what_is_kept_for_other_files_or_is_broken_is_not_believed(tmp_path: Path):
    one = tiny_base(tmp_path / "one")
    first = base_hash(one)
    for wrong in ("", "[]", json.dumps({"files": {}, "sha256": "0" * 64})):
        (one / KEPT).write_text(wrong)
        assert base_hash(one) == first


def test_a_model_that_cannot_be_written_beside_is_hashed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one = tiny_base(tmp_path / "one")

    def fake_read_only_disk(*arguments: object, **options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", fake_read_only_disk)
    assert len(base_hash(one)) == 64
    assert not (one / KEPT).exists()


def test_what_is_kept_does_not_make_a_model_folder_look_damaged(tmp_path: Path):
    one = tiny_base(tmp_path / "one")
    write_manifest(one, Origin("x", "0" * 64, 0))
    base_hash(one)
    manifest = read_manifest(one)
    assert manifest
    assert find_damage(one, manifest, verify=True) is None


def test_a_folder_without_whole_weights_is_told(tmp_path: Path):
    with pytest.raises(ModelSourceError, match=r"no \*\.safetensors"):
        base_hash(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"half")
    with pytest.raises(ModelSourceError, match="cannot be read"):
        base_hash(tmp_path)
