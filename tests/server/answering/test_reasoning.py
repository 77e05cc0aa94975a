import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.answering.reasoning import Piece, ReasoningSplitter
from tandem.recipes import ReasoningMarks

THINK = ReasoningMarks()
STEPS = ReasoningMarks(opens="", closes="Answer:")


def split(pieces: list[str], marks: ReasoningMarks | None = THINK, *, opened: bool = False) -> Piece:
    splitter = ReasoningSplitter(marks, opened=opened)
    told = [*(splitter.feed(piece) for piece in pieces), splitter.finish()]
    return Piece("".join(piece.reasoning for piece in told), "".join(piece.answer for piece in told))


@pytest.mark.parametrize(
    ("text", "marks", "opened", "expected"),
    [
        ("<think>Two and two.</think>\n\nIt is four.", THINK, False, Piece("Two and two.", "It is four.")),
        ("\n<think>\nA</think>B", THINK, False, Piece("\nA", "B")),
        ("It is four.", THINK, False, Piece("", "It is four.")),
        ("<th is HTML", THINK, False, Piece("", "<th is HTML")),
        ("It is <think>four</think>.", THINK, False, Piece("", "It is <think>four</think>.")),
        ("Two.</think>Four.", THINK, True, Piece("Two.", "Four.")),
        ("Two and two. Answer: four.", STEPS, False, Piece("Two and two. ", "four.")),
        ("<think>Never at an end", THINK, False, Piece("Never at an end", "")),
        ("<think>a</thin", THINK, False, Piece("a</thin", "")),
        ("<think>x</think>y", None, False, Piece("", "<think>x</think>y")),
        ("<thi", THINK, False, Piece("", "<thi")),
        ("", THINK, False, Piece()),
    ],
)
def test_reasoning_is_kept_apart_from_the_answer(text, marks, opened, expected) -> None:
    assert split([text], marks, opened=opened) == expected
    assert split(list(text), marks, opened=opened) == expected


@given(
    st.lists(
        st.sampled_from(["<think>", "</think>", "<", "</", "th", "ink>", " ", "\n", "word. "]), max_size=12
    ),
    st.sampled_from([THINK, STEPS]),
)
def test_how_a_stream_is_cut_changes_nothing(pieces, marks) -> None:
    assert split(pieces, marks) == split(["".join(pieces)], marks) == split(list("".join(pieces)), marks)


def test_an_answer_without_reasoning_is_not_held_back() -> None:
    assert ReasoningSplitter(THINK).feed("It is") == Piece(answer="It is")
