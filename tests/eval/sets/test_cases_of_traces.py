"""Cases of real questions: from traces in the store, and from votes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from eval.sets.from_traces import cases_of_feedback, cases_of_traces
from finetune.dataset.feedback import read_feedback
from tandem.abstention import ABSTENTION
from tandem.store import Store, Trace
from tandem.vocabulary import Caller

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def trace(n: int, question: str, tenant: str = "default", **fields: object) -> Trace:
    told = {
        "recipe": "rag@3",
        "prompt_version": "rag@1",
        "corpora": [],
        "answer": f"answer {n}",
        "abstained": False,
        "tokens_in": 1,
        "tokens_out": 1,
        "timings": {},
        "passages": [],
        "citations": [{"uri": "a.md", "quote": "the quote"}],
        "evidence": 0.95,
    } | fields
    when = NOON + timedelta(minutes=n)
    return Trace(id=f"t{n}", tenant=tenant, question=question, created_at=when, **told)  # type: ignore[arg-type]


def test_the_newest_of_each_question_comes_first_with_what_was_answered(store: Store) -> None:
    for one in (
        trace(1, "When does the gate close?"),
        trace(2, "Where is the yard?", abstained=True, answer="I don't know.", evidence=0.05),
        trace(3, "when does  the gate CLOSE", recipe="hybrid@1"),
        trace(4, "Whose is it?", tenant="other"),
        trace(5, "Who has keys?", evidence=None, answer="", citations=[]),
        trace(6, "  "),
    ):
        store.add_trace(one)
    cases, dropped = cases_of_traces(store.traces(Caller()), 10)
    assert [case.question for case, _ in cases] == [
        "Who has keys?",
        "when does the gate CLOSE",
        "Where is the yard?",
    ]
    assert [case.tags for case, _ in cases] == [
        ("trace", "recipe:rag"),
        ("trace", "recipe:hybrid", "evidence:0.8-1.0"),
        ("trace", "recipe:rag", "evidence:0.0-0.2", "abstained"),
    ]
    assert dropped == {"asked before": 1, "empty": 1}
    assert all(not case.references for case, _ in cases)
    shown = [shown for _, shown in cases]
    assert "no longer kept" in shown[0]
    assert "hybrid@1 answered on 2026-05-01: answer 3\n  a.md: the quote" in shown[1]


def test_traces_are_read_by_page_and_since(store: Store) -> None:
    for n in range(5):
        store.add_trace(trace(n, f"Question {n}?"))
    assert [one.id for one in store.traces(Caller(), limit=2, offset=1)] == ["t3", "t2"]
    assert [one.id for one in store.traces(Caller(), since=NOON + timedelta(minutes=3))] == ["t4", "t3"]


def test_only_as_many_as_are_wanted_of_a_corpus_and_a_recipe() -> None:
    asked = [
        trace(1, "One thing?", corpora=["docs"]),
        trace(2, "Another matter?", corpora=["depots", "docs"]),
        trace(3, "Some third question?", recipe="rag@2"),
        trace(4, "Who goes there?", recipe="tuned@1"),
    ]
    kept, _ = cases_of_traces(asked, 9, corpora=["depots"])
    assert [case.question for case, _ in kept] == [one.question for one in asked[1:]]
    assert [len(cases_of_traces(asked, 9, recipe=name)[0]) for name in ("rag", "rag@3", "none")] == [3, 2, 0]
    never = (trace(n, f"Question number {n * 7919}?") for n in (1, 2, 3))
    assert len(cases_of_traces(never, 2)[0]) == 2
    assert next(never).id == "t3"


def test_answers_that_were_voted_up_are_references(tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    up = {"question": "When?", "documents": ["a.md"], "verdict": "up"}
    lines = [
        up | {"answer": "At seven [1]."},
        up | {"answer": "At 7.", "question": "when?", "documents": ["b.md"]},
        up | {"answer": "no", "verdict": "down"},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (case,), dropped = cases_of_feedback(*read_feedback(file, ABSTENTION))
    assert (case.question, case.references, case.documents) == (
        "When?",
        ("At seven.", "At 7."),
        ("a.md", "b.md"),
    )
    assert dropped == {"voted down": 1, "asked before": 1}
