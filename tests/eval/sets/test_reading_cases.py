"""Files of cases: what is read, and what is said of what cannot be."""

import json
from pathlib import Path

import pytest

from eval.case import EvalCase
from eval.sets.reading import read_cases, read_set
from tandem.errors import InvalidRequestError


def written(folder: Path, *lines: object, name: str = "cases.jsonl") -> Path:
    file = folder / name
    told = (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    file.write_text("\n".join(told), "utf-8")
    return file


def refused(file: Path) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        read_cases(file)
    return caught.value


def test_a_case_is_read_whatever_its_lists_are_called(tmp_path: Path) -> None:
    one, other = read_cases(
        written(
            tmp_path,
            {"id": 7, "question": "Where?", "answer": "here", "uris": "a.md", "tags": [" hard ", "hard"]},
            "",
            {"question": "When?", "reference": ["now"], "doc_ids": ["b"], "label": None, "surprise": 1},
        )
    )
    assert one == EvalCase(
        id="7", question="Where?", references=("here",), documents=("a.md",), tags=("hard",)
    )
    assert (other.references, other.documents, other.label) == (("now",), ("b",), None)


def test_a_case_without_an_id_gets_the_same_one_in_every_file(tmp_path: Path) -> None:
    first = read_cases(written(tmp_path, {"question": "Who opens  the GATE?"}))
    again = read_cases(
        written(tmp_path, {"question": "A"}, {"question": "who opens the gate?", "tags": ["x"]})
    )
    assert first[0].id == again[1].id != again[0].id


def test_the_same_words_after_another_history_are_another_case(tmp_path: Path) -> None:
    histories = ([{"role": "user", "content": content}] for content in ("The gate?", "The yard?"))
    cases = read_cases(written(tmp_path, *({"question": "And why?", "history": one} for one in histories)))
    assert len({case.id for case in cases}) == 2


def test_csv_holds_lists_as_json_and_tags_between_commas(tmp_path: Path) -> None:
    head = "id,question,answers,doc_ids,answerable,answer_start,tags,history"
    row = '1,"Where, then?","[""here"", ""there""]",a.md,TRUE,12,"hard;  multi-hop",'
    turns = json.dumps([{"role": "user", "content": "Hm"}]).replace('"', '""')
    other = f'2,"two\nlines",,,false,,,"{turns}"'
    one, two = read_cases(written(tmp_path, head, row, other, name="cases.CSV"))
    assert (one.references, one.answer_start, one.tags) == (("here", "there"), 12, ("hard", "multi-hop"))
    assert (two.question, two.answerable, two.history[0].content) == ("two\nlines", False, "Hm")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_spreadsheet_of_another_country_is_read_too(tmp_path: Path, mark: str) -> None:
    file = written(tmp_path, mark.join(("question", "label")), mark.join(("Is it?", "yes")), name="c.csv")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert [(case.question, case.label) for case in read_cases(file)] == [("Is it?", "yes")]


def test_fields_that_mean_nothing_are_counted(tmp_path: Path) -> None:
    read = read_set(written(tmp_path, {"question": "a", "refrence": "x"}, {"question": "b", "refrence": "y"}))
    assert read.passed_over == {"refrence": 2}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: is not JSON"),
        ("[1]", "line 2: is no JSON object"),
        ({"question": " "}, "line 2: the question is empty"),
        ({"question": 3}, "line 2: the question is empty"),
        ({"text": "a"}, "line 2: it has no `question`"),
        ({"question": "a", "label": True}, "line 2: the label true is no text"),
        ({"question": "a", "label": ["yes"]}, 'line 2: the label ["yes"] is no text'),
        ({"question": "a", "label": " "}, "line 2: the label is empty"),
        ({"question": "a", "answerable": "perhaps"}, "line 2: answerable: "),
        ({"question": "a", "references": [1]}, "line 2: references.0: "),
        ({"question": "a", "history": [{"role": "system", "content": "x"}]}, "of 'system'"),
        ({"question": "a", "tags": ["two\nlines"]}, "cannot be a tag"),
        ({"question": "a", "tags": ["unanswerable"]}, "tagged `unanswerable`, which it is not"),
        ({"question": "a", "tags": ["labelled"]}, "tagged `labelled`, which it is not"),
        ({"question": "first"}, "line 2: asks the same as line 1"),
        ({"question": "a", "reviewed": False}, "line 2: nobody has reviewed this case"),
        ({"draft": "mine"}, "line 2: it is a draft"),
    ],
)
def test_a_line_that_is_no_case_is_named_with_what_to_do(tmp_path: Path, line: object, said: str) -> None:
    file = written(tmp_path, {"question": "First"}, line)
    error = refused(file)
    assert str(file) in error.message
    assert said in error.message
    assert error.hint


def test_an_id_that_is_there_twice_names_both_lines(tmp_path: Path) -> None:
    error = refused(written(tmp_path, {"id": "x", "question": "a"}, "", {"id": "x", "question": "b"}))
    assert "line 3: the id 'x' is that of line 1, too" in error.message


@pytest.mark.parametrize("text", ["", "\n\n", "question,answers\n"])
def test_a_file_without_a_case_is_refused(tmp_path: Path, text: str) -> None:
    assert "holds no case" in refused(written(tmp_path, text, name="none.csv")).message


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "none.jsonl").message
    file = tmp_path / "bytes.jsonl"
    file.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in refused(file).message


@pytest.mark.parametrize(
    ("row", "said"),
    [('a,"[1"', "is no JSON list"), ("a,b,c", "more cells"), ('a,"b"c', "is no CSV")],
)
def test_a_broken_row_of_csv_is_named(tmp_path: Path, row: str, said: str) -> None:
    assert said in refused(written(tmp_path, "question,answers", row, name="c.csv")).message


def test_an_array_is_told_from_lines(tmp_path: Path) -> None:
    assert "jq" in str(refused(written(tmp_path, '[{"question":', '"a"}]')).hint)


def test_real_sets_are_read(shared_data: Path) -> None:
    covid = read_cases(shared_data / "covidqa" / "questions.dev.jsonl")
    pubmed = read_cases(shared_data / "pubmedqa" / "questions.jsonl")
    assert all(case.references and case.documents for case in covid)
    assert {case.label for case in pubmed} == {"yes", "no", "maybe"}
