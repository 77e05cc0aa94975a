"""Which files are found."""

import os
from pathlib import Path

import pytest

from ingest.sources import find_files
from tandem.errors import InvalidRequestError, NotFoundError


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("text")


def names(root: Path, *paths: Path) -> list[str]:
    return [str(file.relative_to(root)) for file in find_files(paths or [root])]


def test_a_folder_is_read_to_its_depths_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b.txt", "a/deep/er/x.MD", "a/c.html", "a/d.pdf", "a/e.png", "f")
    assert names(tmp_path) == ["a/c.html", "a/d.pdf", "a/deep/er/x.MD", "b.txt"]


def test_hidden_files_and_folders_of_tools_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, ".git/x.md", ".hidden.md", "CVS/x.md", "node_modules/p/README.md", "ok.md")
    assert names(tmp_path) == ["ok.md"]


def test_links_that_lead_outside_or_in_circles_are_not_followed(tmp_path: Path) -> None:
    make(tmp_path, "in/a.md", "out/secret.md")
    (tmp_path / "in/file.md").symlink_to(tmp_path / "out/secret.md")
    (tmp_path / "in/folder").symlink_to(tmp_path / "out")
    (tmp_path / "in/circle").symlink_to(tmp_path / "in")
    (tmp_path / "in/gone.md").symlink_to(tmp_path / "nothing")
    (tmp_path / "in/again.md").symlink_to(tmp_path / "in/a.md")
    assert names(tmp_path, tmp_path / "in") == ["in/a.md"]


def test_a_named_file_is_always_tried_and_never_twice(tmp_path: Path) -> None:
    make(tmp_path, "notes", ".hidden", "a.md")
    found = names(tmp_path, tmp_path, tmp_path / "notes", tmp_path / ".hidden", tmp_path / "a.md")
    assert found == [".hidden", "a.md", "notes"]


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        find_files([tmp_path / "nowhere"])


def test_what_is_neither_file_nor_folder_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidRequestError, match="pipe"):
        find_files([tmp_path / "pipe"])
