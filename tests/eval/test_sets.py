"""The questions about Tandem's own pages: what they name stands where they say."""

from pathlib import Path

import pytest

from eval.case import EvalCase
from eval.sets import read_cases

ROOT = Path(__file__).parent.parent.parent
CASES = read_cases(ROOT / "eval" / "sets" / "tandem_docs.jsonl")


def folded(text: str) -> str:
    return " ".join(text.casefold().split())


@pytest.mark.parametrize("case", [case for case in CASES if case.answerable], ids=lambda case: case.question)
def test_the_answer_stands_in_the_page_that_is_named(case: EvalCase) -> None:
    (uri,) = case.documents
    page = folded((ROOT / uri.removeprefix("tandem:")).read_text("utf-8"))
    assert case.references
    assert all(folded(answer) in page for answer in case.references)


def test_no_question_is_asked_twice_and_some_have_no_answer() -> None:
    questions = [folded(case.question) for case in CASES]
    assert len(set(questions)) == len(questions)
    assert sum(not case.answerable for case in CASES) >= 20
