"""The folder of a set is whole, or is not there."""

from pathlib import Path

import pytest

from finetune.dataset.folder import new_folder
from tandem.errors import ConflictError, StorageError


def test_a_folder_is_there_when_all_is_written(tmp_path: Path) -> None:
    with new_folder(tmp_path / "set") as folder:
        (folder / "a").write_text("a")
        assert not (tmp_path / "set").exists()
    assert [file.name for file in (tmp_path / "set").iterdir()] == ["a"]
    assert [file.name for file in tmp_path.iterdir()] == ["set"]


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "set") as folder:
        (folder / "a").write_text("a")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(ConflictError, match="there already"), new_folder(tmp_path / "set"):
        pass


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"), new_folder(tmp_path / "file" / "set"):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
