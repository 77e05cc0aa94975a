"""The key of the marks is drawn once for each installation."""

from pathlib import Path

from server.fence import Fence, open_fence


def test_the_key_outlives_a_start_and_is_another_in_another_folder(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    first = open_fence(one).mark("How?", ["So."])
    assert open_fence(one).mark("How?", ["So."]) == first
    assert open_fence(other).mark("How?", ["So."]) != first
    assert [path.name for path in one.iterdir()] == ["fence.key"]
    assert (one / "fence.key").stat().st_mode & 0o077 == 0


def test_where_one_text_ends_and_the_next_begins_is_part_of_the_mark() -> None:
    fence = Fence(b"key")
    assert fence.mark("How?", ["ab", "c"]) != fence.mark("How?", ["a", "bc"])


def test_the_key_is_drawn_where_nobody_has_made_the_folder_yet(tmp_path: Path) -> None:
    open_fence(tmp_path / "not" / "there")
    assert (tmp_path / "not" / "there" / "fence.key").exists()
