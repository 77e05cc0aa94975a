"""Documents that mislead, and what becomes of answers beside them."""

import hashlib
from pathlib import Path

import pytest
from eval_replies import case, reply

from eval.suites.contexts import CutDocument
from eval.suites.planting import (
    PlantedDocument,
    false_answers,
    planted_corpus,
    planted_documents,
    write_planted,
)
from eval.suites.robustness import score_robustness
from tandem.errors import ConflictError, StorageError
from tandem.vocabulary import Document

TEXT = (
    "The depot lies north of town. It has two gates. The old gate closes at seven o'clock. "
    "Seven o'clock is late for a gate. Visitors wait outside. Nobody waits inside. The end is here."
)
CUT = [CutDocument(Document("default", "docs", "gate.txt", "Gate", "text/plain", TEXT, "hash"), ())]
GATE = case("gate", "seven o'clock", documents=("gate.txt",), answer_start=10)
BOX = case("box", "box nine", documents=("box.txt",))
LONG = case("long", "in the third drawer of the desk", documents=("desk.txt",))


def test_a_counterfactual_says_the_answer_of_another_case_of_like_length() -> None:
    assert false_answers([GATE, BOX, LONG])["gate"] == "box nine"
    assert false_answers([GATE, BOX, LONG]) == false_answers([LONG, GATE, BOX])
    (planted,) = planted_documents([GATE, BOX], CUT, "counterfactual")
    assert planted.case == "gate"
    assert planted.text == (
        "The depot lies north of town. It has two gates. The old gate closes at box nine. "
        "box nine is late for a gate. Visitors wait outside."
    )
    assert planted.uri == f"planted/counterfactual/{hashlib.sha256(b'gate').hexdigest()[:16]}.txt"
    assert planted_corpus("docs", "counterfactual") == "docs-counterfactual"


def test_noise_is_the_topic_without_the_answer() -> None:
    text = TEXT.replace("Seven o'clock is late", "That is late")
    cut = [CutDocument(Document("default", "docs", "gate.txt", "Gate", "text/plain", text, "hash"), ())]
    (planted,) = planted_documents([GATE], cut, "noise")
    assert planted.text == (
        "The depot lies north of town. It has two gates. That is late for a gate. Visitors wait outside."
    )
    assert planted_documents([GATE], CUT, "noise") == [], "the next sentence says the answer again"


def test_no_wrong_answer_shares_all_its_words_with_a_right_one() -> None:
    same = case("same", "Seven o'clock sharp")
    assert false_answers([GATE, same]) == {}
    assert false_answers([GATE]) == {}
    assert planted_documents([GATE, same], CUT, "counterfactual") == []
    unanswerable = case("none", "box nine", answerable=False)
    assert "gate" not in false_answers([GATE, unanswerable])


def test_following_the_false_passage_and_staying_right_are_told_apart() -> None:
    cases = [GATE, BOX]
    replies = [
        reply("At seven o'clock.", "gate"),
        reply("In a drawer.", "box"),
        reply("At box nine.", "gate", variant="counterfactual"),
        reply("At seven o'clock.", "box", variant="counterfactual"),
        reply("At seven o'clock.", "gate", variant="noise"),
    ]
    scores = {one.measure.name: one for one in score_robustness(cases, replies)}
    assert scores["counterfactual_followed"].values == {"gate": 1, "box": 1}
    assert scores["counterfactual_stayed_right"].values == {"gate": 0}
    assert scores["counterfactual_stayed_right"].passed_over == {"box": "the answer without it is not right"}
    assert scores["noise_stayed_right"].values == {"gate": 1}
    assert set(scores["noise_f1"].values) == {"gate"}
    assert scores["counterfactual_f1"].values["gate"] == 0


def test_planted_documents_become_a_folder_whole_or_not_at_all(tmp_path: Path) -> None:
    planted = [
        PlantedDocument("../etc", "planted/noise/aa.txt", "Öne"),
        PlantedDocument("b", "planted/noise/bb.txt", "two"),
    ]
    write_planted(planted, tmp_path / "new" / "folder")
    assert {file.name: file.read_text("utf-8") for file in (tmp_path / "new" / "folder").iterdir()} == {
        "aa.txt": "Öne",
        "bb.txt": "two",
    }
    with pytest.raises(ConflictError):
        write_planted(planted, tmp_path / "new" / "folder")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError):
        write_planted(planted, tmp_path / "file" / "x")
