"""Tables and code: whole where they fit, and cut where they can be read on where they do not."""

from itertools import pairwise

from cutting import PiecesOfFive, check, chunks_of, document, plan
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.splitting import Splitter
from tandem.vocabulary import Block, BlockKind, Chunk, Page

size = PiecesOfFive().count_tokens

TABLE, CODE = BlockKind.TABLE, BlockKind.CODE


def table(rows: int) -> str:
    lines = "\n".join(f"| bird {n} | blue. Red |" for n in range(rows))
    return f"| name | color |\n|---|---|\n{lines}"


def block_of(text: str, part: str, kind: BlockKind) -> Block:
    return Block(kind, text.index(part), text.index(part) + len(part))


def around(part: str, kind: BlockKind, tokens: int = 40, **more: object) -> tuple[str, list[Chunk]]:
    text = f"Before it stands a sentence. And one more.\n\n{part}\n\nAfter it, another one. And the end."
    return text, chunks_of(text, plan(tokens), blocks=(block_of(text, part, kind),), **more)


_PROSE = st.text(alphabet="ab .!?\n#", max_size=80)
_BLOCKS = st.tuples(
    st.sampled_from([TABLE, CODE]),
    st.text(alphabet="ab |.\n\t{", min_size=1, max_size=150),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(_PROSE, _BLOCKS), max_size=5),
    st.integers(1, 30),
    st.booleans(),
    st.sampled_from(["sentence", "markdown", "semantic", "parent"]),
)
def test_a_block_that_fits_is_in_one_chunk(
    parts: list[tuple[str, tuple[BlockKind, str]]], tokens: int, header: bool, strategy: str
) -> None:
    text, blocks = "", []
    for prose, (kind, inside) in parts:
        text += prose + "\n"
        blocks.append(Block(kind, len(text), len(text) + len(inside)))
        text += inside + "\n"
    cut = plan(tokens, 3, strategy, tokens * 3, header=header)
    chunks = chunks_of(text, cut, blocks=tuple(blocks), title="A b")
    check(text, chunks, tokens)
    for block in blocks:
        inside = text[block.start : block.end].strip()
        start = text.index(inside, block.start)
        if inside and size(inside) <= tokens - 2 * (tokens // 4) and len(inside) <= tokens * 8:
            assert any(c.start <= start and start + len(inside) <= c.end for c in chunks)


def test_a_table_is_not_cut_at_its_sentences_or_at_a_page() -> None:
    part = table(4)
    text = f"First page.\n\n{part}\n\nSecond page."
    border = text.index("| bird 2")
    pages = (Page(1, 0, border), Page(2, border, len(text)))
    chunks = chunks_of(text, plan(60), blocks=(block_of(text, part, TABLE),), pages=pages)
    assert [part in c.text for c in chunks].count(True) == 1


def test_a_long_table_is_cut_at_its_rows_and_nothing_comes_twice() -> None:
    part = table(40)
    _, chunks = around(part, TABLE)
    inside = [c for c in chunks if "|" in c.text]
    assert len(inside) > 5
    assert all(c.text.startswith("|") and c.text.endswith("|") for c in inside)
    assert all(before.end < after.start for before, after in pairwise(inside))
    assert "\n".join(c.text for c in inside) == part


def test_short_rows_come_once_where_sentences_would_be_shared() -> None:
    part = "|a|\n|-|\n" + "\n".join("|b|" for _ in range(99))
    _, chunks = around(part, TABLE, 20)
    assert "\n".join(c.text for c in chunks if "|" in c.text) == part


def test_the_later_pieces_of_a_table_are_read_under_the_names_of_its_columns() -> None:
    _, chunks = around(table(40), TABLE)
    first, *later = [c for c in chunks if "|" in c.text]
    assert first.header == ""
    assert {c.header for c in later} == {"| name | color |"}
    assert all(size(c.indexed_text) <= 40 for c in later)
    assert {c.header for c in chunks if "|" not in c.text} == {""}


def test_the_names_of_columns_stay_with_a_table_over_pages() -> None:
    part = table(40)
    border = part.index("| bird 20 ")
    pages = (Page(1, 0, border), Page(2, border, len(part)))
    chunks = chunks_of(part, plan(60), blocks=(Block(TABLE, 0, len(part)),), pages=pages)
    assert {c.page for c in chunks} == {1, 2}
    assert all(c.header == "| name | color |" for c in chunks[1:])


def test_a_header_row_as_long_as_a_chunk_is_shortened() -> None:
    part = "|" + " column |" * 100 + "\n" + "| a | b |\n" * 50
    text, chunks = around(part, TABLE)
    check(text, chunks, 40)
    assert max(size(c.header) for c in chunks) in range(1, 11)


def test_a_heading_stays_with_the_first_rows_of_a_long_table() -> None:
    part = table(40)
    text = f"# T\n\nSome words.\n\n### Birds\n\n{part}"
    chunks = chunks_of(text, plan(40), blocks=(block_of(text, part, TABLE),))
    assert any(c.text.startswith("### Birds\n\n| name") for c in chunks)
    assert not any(c.text.endswith("Birds") for c in chunks)


FUNCTIONS = "\n\n\n".join(
    f"# Says {n}.\ndef say_{n}(word: str) -> None:\n    print('One. Two.')\n\n    return {n}"
    for n in range(12)
)


def test_code_is_cut_before_definitions() -> None:
    chunks = chunks_of(FUNCTIONS, plan(45), markdown=False, media_type="text/x-python", title="say.py")
    check(FUNCTIONS, chunks, 45)
    assert len(chunks) > 3
    assert all(c.text.startswith("# Says") and "return" in c.text.splitlines()[-1] for c in chunks)


def test_a_definition_longer_than_a_chunk_is_cut_at_empty_lines_and_keeps_to_itself() -> None:
    body = "\n\n".join(f"    step_{n} = load({n})\n    store(step_{n})" for n in range(9))
    text = f"def short():\n    pass\n\n\ndef long():\n{body}\n\n\ndef last():\n    pass"
    chunks = chunks_of(text, plan(30), markdown=False, media_type="text/x-python")
    check(text, chunks, 30)
    assert chunks[0].text == "def short():\n    pass"
    assert chunks[-1].text == "def last():\n    pass"
    assert all(c.text.splitlines()[-1].strip().startswith("store") for c in chunks[1:-1])


def test_code_without_empty_lines_is_cut_at_the_ends_of_lines() -> None:
    part = "\n".join(f"call({n}); call. Me({n})" for n in range(60))
    _, chunks = around(part, CODE)
    inside = [c for c in chunks if "call" in c.text]
    assert len(inside) > 5
    assert all(c.text.endswith(")") and c.text.startswith("call(") for c in inside)


def test_a_block_that_reaches_out_of_the_text_or_into_another_does_no_harm() -> None:
    text = "One. Two. Three. " * 20
    blocks = (Block(TABLE, 10, 60), Block(CODE, 20, 40), Block(CODE, 50, 5_000), Block(TABLE, 400, 400))
    check(text, chunks_of(text, blocks=blocks), 20)


def test_prose_in_a_type_that_looks_like_a_program_is_cut_at_sentences() -> None:
    text = "One sentence is here. " * 30
    again = Splitter(PiecesOfFive()).split(document(text, media_type="text/x-rst"), "v1", plan()).chunks
    assert [c.text for c in again] == [c.text for c in chunks_of(text)]
