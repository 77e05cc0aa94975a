"""What becomes of a row that has no value."""

from eval_replies import DOWN, case, found, reply

from eval.measure import Measure, Stage
from eval.suites.rows import Row, rows_of
from eval.suites.scoring import PassedOver, any_case, pass_over, score

PLAIN = Measure("plain", "Plain", Stage.GENERATION, "For tests.")
OF_REFERENCES = Measure("of", "Of", Stage.GENERATION, "For tests.", needs=frozenset({"references"}))
OF_PASSAGES = Measure("found", "Found", Stage.RETRIEVAL, "For tests.", needs=frozenset({"passages"}))


def fake_metric(row: Row) -> float:
    match row.reply.text:
        case "raises":
            raise ZeroDivisionError("nothing to divide by")
        case "nan":
            return float("nan")
        case "infinite":
            return float("inf")
        case "asks not":
            raise PassedOver("not of this kind")
        case _:
            return 0.5


def test_a_metric_that_raises_or_gives_no_number_fails_one_case_and_is_counted() -> None:
    texts = ["fine", "raises", "nan", "infinite", "asks not"]
    cases = [case(text) for text in texts]
    scores = score(PLAIN, rows_of(cases, [reply(text, text) for text in texts]), fake_metric)
    assert scores.values == {"fine": 0.5}
    assert scores.failed == {
        "raises": "ZeroDivisionError: nothing to divide by",
        "nan": "the metric gave nan",
        "infinite": "the metric gave inf",
    }
    assert scores.passed_over == {"asks not": "not of this kind"}
    assert (scores.wanted, scores.whole, scores.bounds()) == (4, False, (0.125, 0.875))


def test_a_question_without_an_answer_fails_every_measure_that_asks_about_it() -> None:
    cases = [case("c1", "seven"), case("c2"), case("c3", "x", answerable=False)]
    rows = rows_of(cases, [reply(name=one.id, failure=DOWN) for one in cases])
    scores = score(OF_REFERENCES, rows, fake_metric)
    assert scores.failed == {"c1": "no answer: engine_unavailable_error: vLLM is not there"}
    assert scores.passed_over == {"c2": "no reference", "c3": "its answer is not in the corpus"}
    assert set(score(OF_REFERENCES, rows, fake_metric, asks=any_case).failed) == {"c1", "c3"}


def test_an_arm_that_retrieves_nothing_is_not_asked_about_passages() -> None:
    cases = [case("c1"), case("c2")]
    without = rows_of(cases, [reply("a", "c1"), reply("b", "c2", failure=DOWN)])
    scores = score(OF_PASSAGES, without, fake_metric)
    assert scores.passed_over == {"c1": "the arm retrieves nothing"}
    assert set(scores.failed) == {"c2"}
    once = rows_of(cases, [reply("a", "c1"), reply("b", "c2", passages=(found("x"),))])
    assert set(score(OF_PASSAGES, once, fake_metric).values) == {"c1", "c2"}


def test_rows_are_of_one_variant_and_a_case_that_was_not_asked_has_none() -> None:
    cases = [case("c1"), case("c2"), case("c3")]
    replies = [
        reply("again 1", "c1", variant="repeat", part=1),
        reply("again 0", "c1", variant="repeat"),
        reply("plain", "c2"),
    ]
    assert [row.reply.text for row in rows_of(cases, replies, "repeat")] == ["again 0", "again 1"]
    assert [row.case.id for row in rows_of(cases, replies)] == ["c2"]
    assert pass_over(PLAIN, cases, "no judge").passed_over == dict.fromkeys(("c1", "c2", "c3"), "no judge")
