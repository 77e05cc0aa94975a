"""Cases that another document may answer: what a reviewer sees of them, and what becomes of a review."""

from pathlib import Path

import pytest

from eval.case import EvalCase, Turn
from eval.sets.checking import check_case
from eval.sets.drafts import Drafts
from eval.sets.elsewhere import ORIGIN, Brought, Verdict, for_review, marked, unmarked
from eval.sets.registry import EvalSets
from eval.sets.reviewing import save_reviewed
from eval.sets.statistics import statistics_of
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.settings import StoreSettings
from tandem.store import open_store

CASES = [EvalCase(id=f"c{n}", question=f"Question {n}?", documents=(f"{n}.md",)) for n in range(3)]


def brought(n: int, evidence: float) -> Brought:
    return Brought(CASES[n], evidence, (("x.md", f"Text  of\n{n}."), ("y.md", "long " * 1_000)))


def test_only_what_is_asked_without_its_documents_is_to_be_decided() -> None:
    others = [
        EvalCase(id="none", question="?", answerable=False),
        EvalCase(id="open", question="?"),
        EvalCase(id="known", question="?", documents=("a.md",), elsewhere=True),
        EvalCase(id="later", question="?", documents=("a.md",), history=(Turn(role="user", content="Hm"),)),
    ]
    assert unmarked([*others, *CASES]) == CASES


def test_the_likeliest_come_first_and_what_the_judge_takes_to_be_answered_is_marked() -> None:
    verdicts = [Verdict(0, "Not said."), Verdict(0, "cut short", given=False), Verdict(2, "It says so.")]
    found = [brought(0, 0.9), brought(1, 0.95), brought(2, 0.1)]
    drafted = for_review(found, verdicts)
    assert [(case.id, case.elsewhere) for case, _ in drafted] == [("c2", True), ("c1", False), ("c0", False)]
    shown = {case.id: text for case, text in drafted}
    assert "evidence of 0.10" in shown["c2"]
    assert "[1] x.md: Text of 2.\n" in shown["c2"]
    assert len(shown["c2"]) < 2_000
    assert shown["c2"].endswith("The judge: passage 2 answers it. It says so.")
    assert shown["c0"].endswith("The judge: none of them answers it. Not said.")
    assert shown["c1"].endswith("The judge gave no verdict: cut short")
    ((_, plain),) = for_review([brought(0, 0.9)], [None])
    assert "judge" not in plain


def test_after_the_review_they_stand_in_their_set_and_the_others_stay(tmp_path: Path) -> None:
    sets = EvalSets(open_store(StoreSettings(), tmp_path))
    other = EvalCase(id="none", question="Who?", answerable=False)
    sets.save("mine", [*CASES, other], origin={"from": "file"})
    drafts = Drafts(tmp_path)
    drafts.add("mine", for_review([brought(1, 0.5)], [Verdict(1, "Yes.")]), origin={"from": ORIGIN})
    with drafts.open("mine") as draft:
        draft.decide("c1", "accepted")
        saved, new = save_reviewed(draft, sets, author="ada")
    assert (saved.ref, new, saved.count) == ("mine@2", True, 4)
    assert saved.origin["before"] == {"from": "file"}
    assert {case.id: case.elsewhere for case in saved.cases} == {
        "c0": False, "c1": True, "c2": False, "none": False,
    }  # fmt: skip
    assert statistics_of(saved.cases).elsewhere == 1


def test_a_set_that_changed_meanwhile_keeps_its_changes() -> None:
    better = CASES[1].model_copy(update={"references": ("so",)})
    reviewed = [case.model_copy(update={"elsewhere": True}) for case in CASES]
    assert [(case.id, case.elsewhere) for case in marked([CASES[0], better], reviewed)] == [
        ("c0", True),
        ("c1", False),
    ]
    unsaid = [case.model_copy(update={"elsewhere": False}) for case in reviewed]
    assert not any(case.elsewhere for case in marked(reviewed, unsaid))


def test_a_set_that_is_gone_is_not_made_of_a_part(tmp_path: Path) -> None:
    sets, drafts = EvalSets(open_store(StoreSettings(), tmp_path)), Drafts(tmp_path)
    drafts.add("gone", for_review([brought(1, 0.5)], [None]), origin={"from": ORIGIN})
    with drafts.open("gone") as draft:
        draft.decide("c1", "accepted")
        with pytest.raises(NotFoundError):
            save_reviewed(draft, sets, author="ada")


def test_what_nothing_answers_is_not_answered_elsewhere() -> None:
    for case in (
        EvalCase(id="1", question="Who?", documents=("a.md",), answerable=False, elsewhere=True),
        EvalCase(id="2", question="Who?", elsewhere=True),
    ):
        with pytest.raises(InvalidRequestError, match="another document"):
            check_case(case)
