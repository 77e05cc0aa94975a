import pytest
from hypothesis import given
from hypothesis import strategies as st
from passages import passage

from server.answering.cite import Citer

FILTER = "The filter must be cleaned every two weeks. Use lukewarm water and no detergent."
PUMP = "The pump runs at 50 decibels. It switches off after 30 minutes without load."


def cite(text: str, *, mode: str = "verify", pieces: int = 7, inclined: bool = False) -> tuple[str, Citer]:
    """The shown text of an answer that streams in pieces of some characters."""
    passages = [passage(FILTER), passage(PUMP, ordinal=1, start=500)]
    citer = Citer(passages, mode=mode, support=0.5, inclined=inclined)
    shown = "".join(citer.feed(text[at : at + pieces]) for at in range(0, len(text), pieces))
    return shown + citer.finish(), citer


def test_a_right_mark_is_kept() -> None:
    shown, citer = cite("The filter must be cleaned every two weeks [1].")
    assert shown == "The filter must be cleaned every two weeks. [1]"
    assert [citation.n for citation in citer.citations] == [1]


def test_a_sentence_without_a_mark_gets_that_of_its_passage() -> None:
    shown, citer = cite("The pump switches off after 30 minutes.")
    assert shown == "The pump switches off after 30 minutes. [1]"
    assert citer.citations[0].quote == "It switches off after 30 minutes without load."


def test_a_mark_of_the_wrong_passage_is_put_right() -> None:
    _, citer = cite("The filter must be cleaned every two weeks [2].")
    assert citer.citations[0].quote.startswith("The filter must be cleaned")


def test_a_mark_gives_way_to_the_passage_that_says_it_to_the_letter() -> None:
    filters = passage("A filter can be cleaned in two ways.")
    weekly = passage("The filter must be cleaned every two weeks.", ordinal=1, start=500)
    citer = Citer([filters, weekly], mode="verify", support=0.5)
    citer.feed("The filter must be cleaned every two weeks [1].")
    assert citer.finish() == "The filter must be cleaned every two weeks. [1]"
    assert [citation.start for citation in citer.citations] == [500]


def test_a_mark_stands_where_the_passage_says_it_in_other_words() -> None:
    _, citer = cite("Lukewarm water is to be used, and no detergent [1].")
    assert [citation.start for citation in citer.citations] == [FILTER.index("Use")]


def test_a_mark_beyond_the_passages_is_put_right() -> None:
    shown, citer = cite("The filter must be cleaned every two weeks [9].")
    assert shown.endswith("[1]")
    assert len(citer.citations) == 1


def test_marks_are_numbered_as_the_reader_meets_them() -> None:
    shown, citer = cite("The pump runs at 50 decibels [2]. Clean the filter every two weeks [1].")
    assert shown == "The pump runs at 50 decibels. [1] Clean the filter every two weeks. [2]"
    assert [citation.start for citation in citer.citations] == [500, 0]


def test_an_invented_sentence_is_dropped_when_verifying() -> None:
    shown, citer = cite("The filter must be cleaned every two weeks. Elephants never forget their friends.")
    assert "Elephants" not in shown
    assert len(citer.citations) == 1


def test_an_invented_sentence_stays_unmarked_when_keeping() -> None:
    shown, citer = cite("Elephants never forget their friends.", mode="keep")
    assert shown == "Elephants never forget their friends."
    assert citer.citations == ()


def test_a_verdict_is_shown_with_the_sentence_that_it_leads_to() -> None:
    shown, _ = cite("No. The pump runs at 50 decibels.")
    assert shown == "No. The pump runs at 50 decibels. [1]"


def test_a_verdict_alone_stands_on_nothing() -> None:
    assert cite("Yes.")[0] == ""
    assert cite("No. Elephants never forget their friends.")[0] == ""


@pytest.mark.parametrize("verdict", ["Yes.", "No.", "Maybe"])
def test_a_verdict_alone_is_kept_where_unsupported_sentences_are(verdict: str) -> None:
    assert cite(verdict, mode="keep")[0] == verdict


@pytest.mark.parametrize(
    "said", ["I don't know.", "I do not know.", "I don’t know", "The passages do not say that."]
)
def test_an_admission_shows_nothing(said: str) -> None:
    shown, _ = cite(said)
    assert shown == ""


def test_a_lead_in_waits_for_what_it_leads_to() -> None:
    shown, _ = cite("Do this:\n- Clean the filter every two weeks.\n- Juggle with seven burning elephants.\n")
    assert shown == "Do this:\n- Clean the filter every two weeks. [1]"


def test_a_heading_is_shown_with_what_stands_below_it() -> None:
    shown, _ = cite("## Care\n\nClean the filter every two weeks.\n\n## Elephants\n\nThey never forget.\n")
    assert shown == "## Care\n\nClean the filter every two weeks. [1]"


def test_a_lead_in_to_nothing_is_not_shown() -> None:
    shown, _ = cite("Here is what I think:\nElephants never forget.\n")
    assert shown == ""


def test_a_sentence_is_shown_before_the_next_one_is_whole() -> None:
    citer = Citer([passage(FILTER)], mode="verify", support=0.5)
    assert citer.feed("The filter must be cleaned every two weeks. Use luke") == (
        "The filter must be cleaned every two weeks. [1]"
    )


def test_decimals_and_abbreviations_do_not_end_a_sentence() -> None:
    text = "At 2.5 bar, e.g. in summer, clean the filter every two weeks with lukewarm water."
    shown, _ = cite(text, mode="keep")
    assert shown == text


def test_what_is_dropped_leaves_no_hole() -> None:
    text = "Clean the filter every two weeks.\n\nElephants never forget.\nThe pump runs at 50 decibels."
    assert cite(text)[0] == "Clean the filter every two weeks. [1]\n\nThe pump runs at 50 decibels. [2]"
    text = "- Clean the filter every two weeks.\n- Elephants never forget.\n- The pump runs at 50 decibels."
    assert cite(text)[0] == "- Clean the filter every two weeks. [1]\n- The pump runs at 50 decibels. [2]"


def test_a_question_is_no_answer() -> None:
    shown, _ = cite("Must the filter be cleaned every two weeks? The pump runs at 50 decibels.")
    assert shown == "The pump runs at 50 decibels. [1]"


@pytest.mark.parametrize(
    "said",
    [
        "The filter must be cleaned every four weeks.",
        "The filter must be cleaned every 14 weeks [1].",
        "The pump runs at 55 decibels. [2]",
    ],
)
def test_a_figure_that_no_passage_has_is_an_invention(said: str) -> None:
    shown, citer = cite(said)
    assert shown == ""
    assert citer.citations == ()


def test_a_sentence_may_take_its_figures_from_two_marked_passages() -> None:
    shown, citer = cite("Clean the filter every two weeks, and the pump runs at 50 decibels [1][2].")
    assert shown.endswith("[1][2]")
    assert len(citer.citations) == 2


def test_a_model_that_repeats_itself_is_heard_once() -> None:
    shown, citer = cite("Clean the filter every two weeks. Clean the filter every two weeks. Clean the filt")
    assert shown == "Clean the filter every two weeks. [1]"
    assert citer.loops


@pytest.mark.parametrize("pieces", [1, 7, 1000])
@pytest.mark.parametrize("mode", ["verify", "keep"])
@pytest.mark.parametrize(
    ("said", "gave_up"),
    [
        ("I don't know", True),
        ("I don't know. Clean the filter every two weeks.", True),
        ("I don't know.I I I I", True),
        ("IIIIIIII", True),
        ("Elephants never forget. I don't know. Clean the filter every two weeks.", None),
        ("I don", False),
        ("The passages do not name the maker. Clean the filter every two weeks.", False),
        ("Clean the filter every two weeks. I don't know more.", False),
    ],
)
def test_a_model_that_is_inclined_to_not_knowing_is_heard_no_further_than_that(
    said: str, gave_up: bool | None, mode: str, pieces: int
) -> None:
    if gave_up is None:
        gave_up = mode == "verify"  # where the first sentence is dropped
    shown, citer = cite(said, mode=mode, pieces=pieces, inclined=True)
    assert citer.gave_up is gave_up
    assert not (gave_up and shown)
    assert ("filter" in shown) is ("filter" in said and not gave_up)
    _, other = cite(said, mode=mode, pieces=pieces)
    assert not other.gave_up


def test_short_lines_may_come_again() -> None:
    text = "```\nrun\n```\nThe pump runs at 50 decibels.\n```\nrun\n```\nElephants never forget."
    shown, citer = cite(text, mode="keep")
    assert not citer.loops
    assert shown.endswith("Elephants never forget.")


def test_a_model_that_says_different_things_does_not_loop() -> None:
    _, citer = cite("Clean the filter every two weeks. The pump runs at 50 decibels.")
    assert not citer.loops


@given(st.text(alphabet="The filter must be cleaned. [12]\n:,9", max_size=200), st.integers(1, 20))
def test_every_mark_in_the_text_has_its_citation_however_it_streams(text: str, pieces: int) -> None:
    shown, citer = cite(text, pieces=pieces)
    numbers = {citation.n for citation in citer.citations}
    assert numbers == set(range(1, len(numbers) + 1))
    assert all(f"[{n}]" in shown for n in numbers)


@given(st.sampled_from([FILTER, PUMP]))
def test_the_quote_stands_at_its_span(text: str) -> None:
    _, citer = cite(text)
    whole = FILTER.ljust(500) + PUMP
    for citation in citer.citations:
        assert whole[citation.start : citation.end] == citation.quote
