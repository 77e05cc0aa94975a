"""Ranking measures beside examples worked by hand."""

import math

import pytest
from eval_replies import case, found, reply

from eval.measure import Scores
from eval.suites.ranking import score_ranking
from eval.suites.rows import rows_of


def ranked(found_in: str, wanted: str, name: str = "c1") -> dict[str, Scores]:
    """Of passages in these documents, a letter each."""
    passages = tuple(found(f"text {n}", document) for n, document in enumerate(found_in))
    rows = rows_of([case(name, documents=tuple(wanted))], [reply("x", name, passages=passages)])
    return {one.measure.name: one for one in score_ranking(rows)}


def test_a_document_stands_where_its_first_passage_stands() -> None:
    # a a b c b: the documents are a, b, c. Wanted is c, third.
    scores = ranked("aabcb", "c")
    values = {name: one.values["c1"] for name, one in scores.items()}
    assert values == pytest.approx(
        {
            "document_recall_1": 0.0,
            "document_recall_5": 1.0,
            "document_recall_10": 1.0,
            "document_mrr": 1 / 3,
            "document_ndcg_10": 1 / math.log2(4),
        }
    )


def test_of_several_right_documents_recall_is_a_share_and_ndcg_looks_at_each() -> None:
    # a, b, c, d, e, f; wanted are b (second) and f (sixth).
    values = {name: one.values["c1"] for name, one in ranked("abcdef", "bf").items()}
    best = 1 / math.log2(2) + 1 / math.log2(3)
    assert values == pytest.approx(
        {
            "document_recall_1": 0.0,
            "document_recall_5": 0.5,
            "document_recall_10": 1.0,
            "document_mrr": 0.5,
            "document_ndcg_10": (1 / math.log2(3) + 1 / math.log2(7)) / best,
        }
    )


def test_what_is_not_found_is_worth_nothing_and_is_not_left_out() -> None:
    cases = [case("c1", documents=("z",)), case("c2", documents=("a",)), case("c3", documents=("a",))]
    replies = [reply("x", "c1", passages=(found("t", "a"),)), reply("x", "c2", passages=(found("t", "a"),))]
    replies.append(reply("x", "c3"))
    for one in score_ranking(rows_of(cases, replies)):
        assert one.values == {"c1": 0.0, "c2": 1.0, "c3": 0.0}, one.measure.name


def test_a_case_may_name_its_document_by_its_address() -> None:
    rows = rows_of(
        [case(documents=("https://x/y",))], [reply("x", passages=(found("t", "id-7", uri="https://x/y"),))]
    )
    assert all(one.values == {"c1": 1.0} for one in score_ranking(rows))


def test_a_ranking_library_that_fails_fails_every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    import ir_measures

    def fake_failing(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(ir_measures, "iter_calc", fake_failing)
    for one in ranked("ab", "a").values():
        assert one.failed == {"c1": "MemoryError: no room"}
