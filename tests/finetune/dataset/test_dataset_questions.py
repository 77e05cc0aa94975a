"""Files of questions: what is read, and how what is wrong is told."""

import json
from pathlib import Path

import pytest

from finetune.dataset.questions import read_questions
from tandem.errors import InvalidRequestError


def written(folder: Path, *rows: object, name: str = "questions.jsonl") -> Path:
    file = folder / name
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


def test_json_lines_are_read_under_either_name(tmp_path: Path) -> None:
    one, two = read_questions(
        written(
            tmp_path,
            {"id": "q", "question": "When?", "answers": ["at seven"], "doc_ids": ["a.md"], "answer_start": 5},
            {"question": "Who?", "answer": "Berta", "documents": "b.md", "label": "yes"},
        )
    )
    assert (one.id, one.answers, one.documents, one.answer_start) == ("q", ("at seven",), ("a.md",), 5)
    assert (two.id, two.answers, two.documents, two.label) == ("line-2", ("Berta",), ("b.md",), "yes")


def test_csv_holds_one_value_or_a_json_list_in_a_cell(tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    file.write_text(
        'question,answers,doc_ids\n"When, then?","[""at seven"", ""19:00""]",a.md\nWho?,Berta,b.md\n', "utf-8"
    )
    one, two = read_questions(file)
    assert (one.question, one.answers, one.documents) == ("When, then?", ("at seven", "19:00"), ("a.md",))
    assert (two.answers, two.documents) == (("Berta",), ("b.md",))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "When?", "doc_ids": ["a.md"]}, "line 2: a question without `answers`"),
        (
            {"question": "When?", "answers": [" "], "doc_ids": ["a.md"]},
            "line 2: a question without `answers`",
        ),
        ({"question": "When?", "answers": ["at seven"]}, "line 2: a question without `doc_ids`"),
        ({"question": "  ", "answers": ["at seven"], "doc_ids": ["a.md"]}, "line 2: the question is empty"),
        ({"answers": ["at seven"]}, "line 2: question: Field required"),
        ([1], "line 2"),
    ],
)
def test_a_line_that_is_no_question_is_named(tmp_path: Path, row: object, said: str) -> None:
    good = {"question": "When?", "answers": ["at seven"], "doc_ids": ["a.md"]}
    with pytest.raises(InvalidRequestError) as caught:
        read_questions(written(tmp_path, good, row))
    assert said in caught.value.message


def test_a_question_without_an_answer_says_so_itself(tmp_path: Path) -> None:
    (one,) = read_questions(written(tmp_path, {"question": "Why?", "answerable": False}))
    assert not one.answerable


def test_an_empty_file_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="holds no question"):
        read_questions(written(tmp_path))
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        read_questions(tmp_path / "none.jsonl")


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text("\n{oops\n")
    with pytest.raises(InvalidRequestError, match="line 2: is not JSON"):
        read_questions(file)
