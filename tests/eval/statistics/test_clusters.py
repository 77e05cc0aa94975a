"""Cases that ask of the same documents hang together."""

from eval.case import EvalCase
from eval.statistics import clusters_of


def case(number: int, *documents: str) -> EvalCase:
    return EvalCase(id=f"q{number}", question="When?", documents=documents)


def test_cases_of_one_document_are_one_group() -> None:
    cases = [case(n, f"d{n // 3}") for n in range(36)]
    groups = clusters_of(cases)
    assert groups is not None
    assert len(set(groups.values())) == 12
    assert groups["q0"] == groups["q2"] != groups["q3"]


def test_a_case_of_two_documents_joins_their_groups() -> None:
    cases = [*(case(n, f"d{n}") for n in range(12)), case(12, "d0", "d1"), case(13, "d1", "d2"), case(14)]
    groups = clusters_of(cases)
    assert groups is not None
    assert groups["q0"] == groups["q1"] == groups["q2"] == groups["q13"]
    assert groups["q14"] not in {groups[f"q{n}"] for n in range(14)}
    assert len(set(groups.values())) == 11


def test_one_question_a_document_and_few_documents_are_taken_one_by_one() -> None:
    assert clusters_of([case(n, f"d{n}") for n in range(40)]) is None
    assert clusters_of([case(n, f"d{n % 9}") for n in range(90)]) is None
    assert clusters_of([case(n, f"d{n % 10}") for n in range(90)]) is not None
    assert clusters_of([case(n) for n in range(30)]) is None
    assert clusters_of([]) is None
