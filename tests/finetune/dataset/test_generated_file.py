"""Questions of a model are kept as they come."""

from pathlib import Path

import pytest

from finetune.dataset.generated_file import GeneratedFile, Made, Origin
from tandem.errors import ConflictError

ORIGIN = Origin("docs", "base", "abc")


def test_what_was_kept_is_known_at_the_next_try(tmp_path: Path) -> None:
    with GeneratedFile(tmp_path / "made.jsonl", ORIGIN) as file:
        file.keep(Made("c1", "When?", "at seven"))
        file.keep(Made("c2", "", ""))
    with GeneratedFile(tmp_path / "made.jsonl", ORIGIN) as file:
        assert file.made == {"c1": Made("c1", "When?", "at seven"), "c2": Made("c2", "", "")}


def test_half_a_line_at_the_end_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    with GeneratedFile(path, ORIGIN) as file:
        file.keep(Made("c1", "When?", "at seven"))
    path.write_bytes(path.read_bytes() + b'{"chunk": "c2", "ques')
    with GeneratedFile(path, ORIGIN) as file:
        assert list(file.made) == ["c1"]
        file.keep(Made("c3", "Who?", "Berta"))
    with GeneratedFile(path, ORIGIN) as file:
        assert list(file.made) == ["c1", "c3"]


def test_questions_of_another_origin_are_not_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    GeneratedFile(path, ORIGIN).__exit__(None, None, None)
    with pytest.raises(ConflictError, match="another corpus, model or prompt"):
        GeneratedFile(path, Origin("docs", "other", "abc"))


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    path.write_text("one\ntwo\nthree\n")
    with pytest.raises(ConflictError, match="no file of made questions"):
        GeneratedFile(path, ORIGIN)
    assert path.read_text() == "one\ntwo\nthree\n"
