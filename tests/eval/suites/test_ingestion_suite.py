"""What reading and cutting made of known answers, of tables and of sentences."""

import pytest
from eval_replies import case

from eval.case import EvalCase
from eval.measure import Scores
from eval.suites.contexts import CutDocument, locate, reference_contexts
from eval.suites.ingestion import ends_whole, score_ingestion
from tandem.vocabulary import Block, BlockKind, Chunk, Document, Heading, Page, Span

TABLE = "| key | box |\n| --- | --- |\n| gate | nine |\n| roof | four |\n"
TEXT = f"Keys of the depot. They hang in boxes.\n\n{TABLE}\nThe gate closes at seven\nin the evening."


def document(text: str = TEXT, name: str = "d1") -> Document:
    start = text.find(TABLE)
    blocks = (Block(BlockKind.TABLE, start, start + len(TABLE)),) if start >= 0 else ()
    return Document("default", "docs", name, "Keys", "text/plain", text, "hash", blocks=blocks)


def cut(text: str = TEXT, *ends: int, name: str = "d1") -> CutDocument:
    """Chunks of a document that end at these places, and with it."""
    one = document(text, name)
    chunks, start = [], 0
    for n, end in enumerate([*ends, len(text)]):
        piece = text[start:end]
        left, right = start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
        chunks.append(
            Chunk(
                f"{name}/{n}", "default", "docs", one.id, "1", n, text[left:right], left, right, "Keys", name
            )
        )
        start = end
    return CutDocument(one, chunks)


def scored(cutting: list[CutDocument], *cases: EvalCase) -> dict[str, Scores]:
    scores = score_ingestion(cutting, cases, lambda text: len(text.split()))
    return {one.measure.name: one for one in scores}


def test_an_answer_is_whole_in_one_chunk_or_was_cut_or_was_not_read() -> None:
    cases = [
        case("whole", "hang in boxes"),
        case("torn", "at seven in the evening"),
        case("unread", "behind the stove"),
        case("elsewhere", "x", documents=("d7",)),
        case("class", "yes", label="yes"),
        case("none", answerable=False),
    ]
    scores = scored([cut(TEXT, TEXT.index("\nin the"))], *cases)
    assert scores["answer_in_text"].values == {"whole": 1, "torn": 1, "unread": 0}
    assert scores["answer_in_chunk"].values == {"whole": 1, "torn": 0}
    assert scores["answer_in_chunk"].passed_over["unread"] == "the answer does not stand in the text"
    assert scores["answer_in_text"].passed_over == {
        "elsewhere": "its document is not in the corpus",
        "class": "asks for a class: its reference need not be words of the document",
        "none": "its answer is not in the corpus",
    }


def test_a_table_that_is_torn_keeps_the_rows_that_lie_in_one_chunk() -> None:
    identity = f"{document().id}#0"
    scores = scored([cut(TEXT, TEXT.index("\n|"), TEXT.index("\nThe"))])
    assert scores["table_in_chunk"].values == {identity: 1}
    assert scores["table_rows_whole"].values == {identity: 1}
    between_rows = scored([cut(TEXT, TEXT.index("| roof"))])
    assert between_rows["table_in_chunk"].values == {identity: 0}
    assert between_rows["table_rows_whole"].values == {identity: 1}
    within_a_row = scored([cut(TEXT, TEXT.index("nine"))])
    assert within_a_row["table_rows_whole"].values == {identity: 0.75}


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("It closes.| Then", True),
        ("It closes (at seven).|\nThen", True),
        ("It closes [1, 2]| then", False),
        ("It closes. [1, 2]| Then", True),
        ("“It closes!”| he said", True),
        ("It closes| at seven", False),
        ("A title|\n\nThen", True),
        ("A line|\nof a sentence", False),
        ("The end|  \n", True),
    ],
)
def test_a_chunk_ends_where_something_ends(text: str, whole: bool) -> None:
    assert ends_whole(text.replace("|", ""), text.index("|")) is whole


def test_pages_headings_and_rows_are_ends_too() -> None:
    text = "A page without a stop\nA heading\nWords go on here"
    page, heading = text.index("\nA heading"), text.index("\nWords")
    one = Document(
        *("default", "docs", "d1", "T", "text/plain", text, "hash"),
        pages=(Page(1, 0, page + 1), Page(2, page + 1, len(text))),
        headings=(Heading(1, "Words", heading + 1),),
    )
    chunks = cut(text, page, heading, heading + 6).chunks
    ends = scored([CutDocument(one, chunks)])["chunk_ends_whole"].values
    assert list(ends.values()) == [1, 1, 0, 1]
    rows = scored([cut(TEXT, TEXT.index("\n| roof"))])["chunk_ends_whole"].values
    assert list(rows.values()) == [1, 1]


def test_repeated_chunks_and_lengths_are_counted() -> None:
    scores = scored([cut("One two. Three.", 8), cut("ONE  two. Four five six.", 9, name="d2")])
    assert scores["chunk_repeats"].values == {"d1/0": 0, "d1/1": 0, "d2/0": 1, "d2/1": 0}
    assert scores["chunk_tokens"].values == {"d1/0": 2, "d1/1": 1, "d2/0": 2, "d2/1": 3}


def test_an_answer_is_located_next_to_where_it_is_said_to_be() -> None:
    text = "Seven. At seven, and at\nseven again."
    assert locate(text, "seven") == Span(0, 5)
    assert locate(text, "seven", near=30) == Span(24, 29)
    assert locate(text, "AT seven", near=20) == Span(21, 29)
    assert locate(text, "eight") is None
    assert locate(text, " ") is None


def test_the_contexts_of_a_case_are_the_chunks_that_hold_its_answer() -> None:
    cutting = [cut("It closes at seven. It opens at nine.", 19), cut("Closes at seven too.", name="d2")]
    cases = [
        case("c1", "at seven", documents=("d1", "d2")),
        case("c2", "at six"),
        case("c3", "seven. It"),
        case("c4", "at seven", answerable=False),
    ]
    assert reference_contexts(cases, cutting) == {"c1": ("It closes at seven.", "Closes at seven too.")}
