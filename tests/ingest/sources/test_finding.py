"""Which files are found, and how they are read."""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from ingest.sources import FilesSource, Item, find_files
from ingest.sources.finding import list_files, read_file
from ingest.sources.globs import matches
from tandem.errors import InvalidRequestError, NotFoundError, StorageError, TooLargeError
from tandem.settings import IngestSettings

SETTINGS = IngestSettings()


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


def listed(source: FilesSource, settings: IngestSettings = SETTINGS) -> list[str]:
    return [item.name for item in list_files(source, settings)]


def test_items_carry_all_that_is_needed_to_read_them_later(tmp_path: Path) -> None:
    make(tmp_path, "a ü.md")
    (item,) = list_files(FilesSource(paths=(tmp_path,)), SETTINGS)
    assert item.uri == (tmp_path / "a ü.md").as_uri()
    assert read_file(Item(**json.loads(json.dumps(asdict(item)))), SETTINGS).content == b"text"


def test_patterns_choose_among_the_files_of_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "a.md", "b.txt", "d/c.md", "d/drafts/x.md", "d/e/f.md", "odd.xyz", "drafts/y.md")

    def chosen(**patterns: tuple[str, ...]) -> list[str]:
        return listed(FilesSource(paths=(tmp_path,), **patterns))

    assert chosen() == ["a.md", "b.txt", "c.md", "x.md", "f.md", "y.md"]
    assert chosen(include=("*.md",), exclude=("drafts/",)) == ["a.md", "c.md", "x.md", "f.md"]
    assert chosen(include=("**/*.md",), exclude=("**/drafts/**",)) == ["a.md", "c.md", "f.md"]
    assert chosen(include=("d/*",)) == ["c.md"]
    assert chosen(include=("d/**",)) == ["c.md", "x.md", "f.md"]
    assert chosen(include=("*.xyz",)) == ["odd.xyz"]
    assert chosen(exclude=("**",)) == []


def test_the_order_stays_and_each_file_comes_once(tmp_path: Path) -> None:
    make(tmp_path, "b/1.md", "a/2.md", "c.md", "a.md")
    source = FilesSource(paths=(tmp_path / "b", tmp_path, tmp_path / "c.md"))
    assert listed(source) == ["1.md", "a.md", "c.md", "2.md"]


def test_images_are_taken_where_their_text_is_read(tmp_path: Path) -> None:
    make(tmp_path, "a.md", "b.png")
    source = FilesSource(paths=(tmp_path,))
    assert (listed(source), listed(source, IngestSettings(ocr=True))) == (["a.md"], ["a.md", "b.png"])


def item_of(path: Path) -> Item:
    return Item(path.as_uri(), path.name, {"path": str(path)})


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.md").open("wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(TooLargeError, match=r"huge\.md"):
        read_file(item_of(tmp_path / "huge.md"), SETTINGS)


def test_what_took_the_place_of_a_file_is_not_read(tmp_path: Path) -> None:
    make(tmp_path, "secret.md")
    (tmp_path / "link.md").symlink_to(tmp_path / "secret.md")
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder.md").mkdir()
    for name, error in (
        ("link.md", StorageError),
        ("pipe.md", InvalidRequestError),
        ("folder.md", InvalidRequestError),
        ("gone.md", NotFoundError),
    ):
        with pytest.raises(error, match=name):
            read_file(item_of(tmp_path / name), SETTINGS)


def test_a_name_of_any_bytes_is_listed_and_read(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.md")).write_text("text")
    (item,) = list_files(FilesSource(paths=(tmp_path,)), SETTINGS)
    assert (item.name, item.uri.rsplit("/", 1)[1]) == ("caf\ufffd.md", "caf%E9.md")
    assert read_file(Item(**json.loads(json.dumps(asdict(item)))), SETTINGS).content == b"text"


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a.md", "*.md", True),
        ("d/a.md", "*.md", True),
        ("d/a.md", "d/*.md", True),
        ("d/e/a.md", "d/*.md", False),
        ("d/e/a.md", "d/**/*.md", True),
        ("d/a.md", "d/**/*.md", True),
        ("a.md", "**/*.md", True),
        ("d/a.md", "d/", True),
        ("d/e/a.md", "d/**", True),
        ("x/d/a.md", "d/**", False),
        ("a.MD", "*.md", False),
        ("a1.md", "a[0-9].md", True),
        ("ab.md", "a?.md", True),
        ("a.b/c", "a?b/c", True),
        ("a/b/c", "a?b/c", False),
        ("a/b/c/d", "**/b/**/d", True),
        ("a", "**", True),
    ],
)
def test_a_pattern_means_what_shells_mean(path: str, pattern: str, expected: bool) -> None:
    assert matches(path, pattern) is expected


def test_a_hostile_pattern_costs_no_time() -> None:
    start = time.monotonic()
    matches("/".join(["a" * 250] * 60), "/".join(["**", "*a" * 40 + "b"] * 2))
    matches("a" * 250, "*a" * 95 + "b")
    assert time.monotonic() - start < 1
