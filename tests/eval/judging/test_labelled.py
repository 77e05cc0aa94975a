"""The judged answers that come with Tandem, and a user's own."""

import json
from pathlib import Path

import pytest

from eval.judging.comparing import padded
from eval.judging.labelled import LABELS, LabelledCase, groups_of, read_labelled
from tandem.errors import InvalidRequestError


def test_the_bundled_set_is_large_balanced_and_of_many_kinds(labelled: list[LabelledCase]) -> None:
    assert len(labelled) >= 60
    for label in LABELS:
        said = [value for case in labelled if (value := getattr(case, label)) is not None]
        assert len(said) >= 60
        assert min(said.count(True), said.count(False)) >= 0.2 * len(said)
    assert len({case.topic for case in labelled}) >= 8
    assert len({case.kind for case in labelled}) >= 20


def test_the_bundled_labels_do_not_contradict_each_other(labelled: list[LabelledCase]) -> None:
    for case in labelled:
        assert case.reference
        assert not (case.correct and case.relevant is False), case.id  # what misses the question is not right
    for group in groups_of(labelled):
        assert len({case.reference for case in group}) == 1
        assert len({case.answer for case in group}) == len(group)
        assert any(case.correct for case in group), group[0].id
        assert any(case.correct is False for case in group), group[0].id


def test_length_does_not_tell_the_label(labelled: list[LabelledCase]) -> None:
    """Else a judge that counts words would agree with people."""
    from eval.reliability import auroc

    told = [case for case in labelled if case.correct is not None]
    assert 0.35 < auroc([case.correct for case in told], [len(case.answer) for case in told]) < 0.65


def test_padding_keeps_the_answer(labelled: list[LabelledCase]) -> None:
    for n, case in enumerate(labelled):
        assert case.answer in padded(case.answer, n)
        assert len(padded(case.answer, n)) > len(case.answer) + 80


def test_a_users_file_is_read_and_what_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    good = {"id": "a", "question": "q", "passages": ["p\u2028q"], "answer": "a", "correct": True}
    file.write_text(json.dumps(good, ensure_ascii=False) + "\n\n", "utf-8")
    [case] = read_labelled(file)
    assert (case.correct, case.faithful, case.good) == (True, None, True)
    assert case.as_reply().passages[0].text == "p\u2028q"
    for text, said in (
        (json.dumps(good) + "\n" + json.dumps(good), "line 2: the id a is there twice"),
        (json.dumps(good | {"passages": []}), "line 1: passages"),
        (json.dumps(good | {"rigth": True}), "line 1: rigth"),
        ("{", "line 1"),
        ("\n", "holds no case"),
    ):
        file.write_text(text, "utf-8")
        with pytest.raises(InvalidRequestError, match=said):
            read_labelled(file)
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        read_labelled(tmp_path / "none.jsonl")
