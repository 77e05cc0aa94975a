"""Drafts: decided on one by one, and what is left when the process is killed in between."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eval.case import EvalCase
from eval.sets.drafts import Drafts
from eval.sets.reading import read_cases
from eval.sets.registry import EvalSets
from eval.sets.reviewing import edited_case, save_reviewed
from tandem.errors import ConflictError, InvalidRequestError, NotFoundError, StorageError
from tandem.settings import StoreSettings
from tandem.store import Store, open_store

CASES = [
    EvalCase(id=f"c{n}", question=f"Question {n}? ü\u2028", references=(f"r{n}",), tags=("generated",))
    for n in range(4)
]


@pytest.fixture
def drafts(tmp_path: Path) -> Drafts:
    made = Drafts(tmp_path)
    made.add("mine", [(case, f"text of {case.id}") for case in CASES], author="ada", origin={"from": "test"})
    return made


@pytest.fixture
def sets(tmp_path: Path) -> EvalSets:
    return EvalSets(open_store(StoreSettings(), tmp_path))


def test_decisions_are_kept_and_the_next_review_goes_on_after_them(drafts: Drafts) -> None:
    edited = edited_case(CASES[1], {"question": "Better?", "references": ("x", "y")})
    with drafts.open("mine") as draft:
        assert [one.case for one in draft.waiting] == CASES
        assert draft.waiting[0].shown == "text of c0"
        draft.decide("c0", "accepted")
        draft.decide("c1", "edited", edited)
        draft.decide("c2", "rejected")
    with drafts.open("mine") as draft:
        assert [one.case.id for one in draft.waiting] == ["c3"]
        assert draft.taken == (CASES[0], edited)
        assert draft.counts == {"accepted": 1, "edited": 1, "rejected": 1}


def test_a_draft_becomes_a_set_that_says_how_it_was_reviewed(drafts: Drafts, sets: EvalSets) -> None:
    with drafts.open("mine") as draft:
        draft.decide("c0", "rejected")
        with pytest.raises(ConflictError, match="3 of 4 cases"):
            save_reviewed(draft, sets, author="ada")
        assert draft.accept_all() == 3
        saved, new = save_reviewed(draft, sets, author="bob")
    assert (saved.ref, new, saved.cases) == ("mine@1", True, tuple(CASES[1:]))
    assert saved.origin == {"from": "test", "review": {"rejected": 1, "unseen": 3}, "reviewed_by": "bob"}
    assert drafts.names() == []


def test_a_draft_can_add_to_the_newest_version(drafts: Drafts, sets: EvalSets) -> None:
    before = EvalCase(id="old", question="Old?")
    sets.save("mine", [before])
    with drafts.open("mine") as draft:
        draft.accept_all()
        saved, _ = save_reviewed(draft, sets, author="ada", add=True)
    assert saved.cases == (before, *CASES)
    assert (saved.origin["added_to"], saved.unseen) == ("mine@1", 4)


def test_a_draft_of_which_all_was_rejected_makes_no_set(drafts: Drafts, sets: EvalSets) -> None:
    with drafts.open("mine") as draft:
        for one in draft.waiting:
            draft.decide(one.case.id, "rejected")
        with pytest.raises(InvalidRequestError, match="was rejected"):
            save_reviewed(draft, sets, author="ada")
    assert drafts.names() == ["mine"]


def test_a_draft_is_no_file_of_cases(drafts: Drafts) -> None:
    with pytest.raises(InvalidRequestError, match="it is a draft") as caught:
        read_cases(drafts.file("mine"))
    assert caught.value.hint == "tandem eval sets review mine"


def test_a_draft_is_reviewed_by_one_process_at_a_time(drafts: Drafts) -> None:
    with drafts.open("mine"), pytest.raises(ConflictError, match="another process"), drafts.open("mine"):
        pass
    with drafts.open("mine"):
        pass


def test_a_draft_that_is_there_is_not_replaced_and_one_that_is_not_is_named(drafts: Drafts) -> None:
    with pytest.raises(ConflictError, match="There is a draft 'mine' already"):
        drafts.add("mine", [(CASES[0], "")])
    with pytest.raises(NotFoundError, match="no draft 'none'") as caught:
        drafts.read("none")
    assert caught.value.hint == "Known: mine."
    with pytest.raises(InvalidRequestError):
        drafts.file("../x")


def test_a_draft_that_was_broken_by_hand_is_refused(drafts: Drafts) -> None:
    file = drafts.file("mine")
    file.write_text(file.read_text("utf-8").replace('"c1"', '"c0"'), "utf-8")
    with pytest.raises(StorageError, match="no draft as Tandem writes it"):
        drafts.read("mine")
    file.write_text("{}\n")
    with pytest.raises(StorageError):
        drafts.read("mine")


def test_a_full_disk_loses_no_decision(drafts: Drafts, monkeypatch: pytest.MonkeyPatch) -> None:
    with drafts.open("mine") as draft:
        draft.decide("c0", "accepted")

        def fake_fsync(number: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", fake_fsync)
        with pytest.raises(StorageError, match="No space left"):
            draft.decide("c1", "accepted")
        monkeypatch.undo()
        assert [one.case.id for one in draft.waiting] == ["c1", "c2", "c3"]
    assert [one.case.id for one in drafts.read("mine").waiting] == ["c1", "c2", "c3"]
    assert {one.name for one in drafts.file("mine").parent.iterdir()} == {"mine.jsonl", ".mine.lock"}


_DECIDES = """
import sys
from pathlib import Path
from eval.sets.drafts import Drafts
with Drafts(Path(sys.argv[1])).open("mine") as draft:
    for one in draft.waiting:
        draft.decide(one.case.id, "accepted")
        print(one.case.id, flush=True)
"""


def test_kill_in_the_middle_of_a_review_loses_at_most_the_decision_under_way(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    drafts.add("mine", [(EvalCase(id=f"c{n}", question=f"Question {n}?"), "x" * 2_000) for n in range(400)])
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        [sys.executable, "-c", _DECIDES, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as run:
        assert run.stdout is not None
        told = [run.stdout.readline().strip() for _ in range(25)]
        run.send_signal(signal.SIGKILL)
        told += run.stdout.read().split()
    with drafts.open("mine") as draft:
        decided = [one.case.id for one in draft.cases if one.reviewed]
        assert decided[: len(told)] == told
        assert len(told) <= len(decided) <= len(told) + 1 < 400


def test_what_was_saved_before_a_kill_is_not_saved_again(store: Store, drafts: Drafts) -> None:
    sets = EvalSets(store)
    sets.save("mine", CASES)
    with drafts.open("mine") as draft:
        draft.accept_all()
        saved, new = save_reviewed(draft, sets, author="ada")
    assert (saved.ref, new, drafts.names()) == ("mine@1", False, [])
