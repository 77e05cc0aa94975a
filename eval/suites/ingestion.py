"""How well documents were read and cut: where the known answers, the tables, the sentences came to lie.

The values are of cases, or of chunks by their ids, or of tables by `document id#number`, as each measure says.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from eval.case import EvalCase
from eval.measure import Measure, Need, Scores, Stage
from eval.suites.contexts import Answers, CutDocument, Place
from eval.suites.scoring import PassedOver, answerable, lacking, score_items
from tandem.vocabulary import Block, Chunk, Document, Span

_KNOWN: frozenset[Need] = frozenset({"references", "documents"})

ANSWER_IN_TEXT = Measure(
    "answer_in_text",
    "Answers that were read",
    Stage.INGESTION,
    "Share of cases of which a reference stands, word for word, in the text that was read of one of its documents; of "
    "sets whose references are words of their documents.",
    needs=_KNOWN,
)
ANSWER_IN_CHUNK = Measure(
    "answer_in_chunk",
    "Answers kept whole",
    Stage.INGESTION,
    "Share of cases whose answer lies whole in one chunk, of those whose answer was read.",
    needs=_KNOWN,
)
TABLE_IN_CHUNK = Measure(
    "table_in_chunk",
    "Tables kept whole",
    Stage.INGESTION,
    "Share of tables that lie whole in one chunk.",
)
TABLE_ROWS = Measure(
    "table_rows_whole",
    "Rows kept whole",
    Stage.INGESTION,
    "Mean, over the tables, of the share of their rows that lie whole in one chunk.",
)
CHUNK_ENDS = Measure(
    "chunk_ends_whole",
    "Chunks that end where something ends",
    Stage.INGESTION,
    "Share of chunks that end with a sentence, a paragraph, a row or block, a page, or the document.",
)
CHUNK_REPEATS = Measure(
    "chunk_repeats",
    "Repeated chunks",
    Stage.INGESTION,
    "Share of chunks whose text is that of an earlier chunk but for white space and letter case.",
    better="lower",
)
CHUNK_TOKENS = Measure(
    "chunk_tokens",
    "Tokens of a chunk",
    Stage.INGESTION,
    "Tokens of a chunk with its header, by the embedder's tokenizer.",
    "tokens",
    better="neither",
)
MEASURES = (
    ANSWER_IN_TEXT,
    ANSWER_IN_CHUNK,
    TABLE_IN_CHUNK,
    TABLE_ROWS,
    CHUNK_ENDS,
    CHUNK_REPEATS,
    CHUNK_TOKENS,
)

_SENTENCE_END = re.compile(r"[.!?…:;。！？][\"'”’»)\]]*(?:\s*\[[\d,\s–-]+\])*$")
_PARAGRAPH = re.compile(r"[ \t]*\n[ \t]*(?:\n|$)")


def score_ingestion(
    cut: Sequence[CutDocument], cases: Sequence[EvalCase], count_tokens: Callable[[str], int]
) -> list[Scores]:
    """The measures of this module, of a corpus; without cases those of answers have no value."""
    answers = Answers(cut)
    chunks = [(one.document, chunk) for one in cut for chunk in one.chunks]
    tables = [(one, n, block) for one in cut for n, block in enumerate(one.tables)]
    ends = {one.document.id: _ends_of(one.document) for one in cut}
    return [
        score_items(ANSWER_IN_TEXT, ((case.id, partial(_is_read, answers, case)) for case in cases)),
        score_items(ANSWER_IN_CHUNK, ((case.id, partial(_is_whole, answers, case)) for case in cases)),
        *(
            score_items(
                measure, ((f"{one.document.id}#{n}", partial(value, one, table)) for one, n, table in tables)
            )
            for measure, value in ((TABLE_IN_CHUNK, _table_whole), (TABLE_ROWS, _rows_whole))
        ),
        score_items(
            CHUNK_ENDS,
            (
                (chunk.id, partial(ends_whole, document.text, chunk.end, ends[document.id]))
                for document, chunk in chunks
            ),
        ),
        Scores(CHUNK_REPEATS, _repeats([chunk for _, chunk in chunks])),
        score_items(
            CHUNK_TOKENS, ((chunk.id, partial(count_tokens, chunk.indexed_text)) for _, chunk in chunks)
        ),
    ]


def ends_whole(text: str, end: int, ends: frozenset[int] = frozenset()) -> bool:
    """Whether something ends at a place of a text: a sentence, a paragraph, the text, or what `ends` names."""
    return (
        end in ends
        or not text[end:].strip()
        or _PARAGRAPH.match(text, end) is not None
        or _SENTENCE_END.search(text, max(0, end - 40), end) is not None
    )


def _places(answers: Answers, case: EvalCase) -> list[Place]:
    if reason := answerable(case) or lacking(ANSWER_IN_TEXT, case):
        raise PassedOver(reason)
    if case.label is not None:
        raise PassedOver("asks for a class: its reference need not be words of the document")
    if not answers.documents_of(case):
        raise PassedOver("its document is not in the corpus")
    return answers.places_of(case)


def _is_read(answers: Answers, case: EvalCase) -> bool:
    return bool(_places(answers, case))


def _is_whole(answers: Answers, case: EvalCase) -> bool:
    places = _places(answers, case)
    if not places:
        raise PassedOver("the answer does not stand in the text")
    return any(one.holding(span) for one, span in places)


def _table_whole(one: CutDocument, table: Block) -> bool:
    # Without the white space at its ends, which no chunk keeps.
    rows = list(_rows(one.document.text, table))
    if not rows:
        raise PassedOver("the table has no row")
    return bool(one.holding(Span(rows[0].start, rows[-1].end)))


def _rows_whole(one: CutDocument, table: Block) -> float:
    rows = list(_rows(one.document.text, table))
    if not rows:
        raise PassedOver("the table has no row")
    return sum(bool(one.holding(row)) for row in rows) / len(rows)


def _rows(text: str, table: Block) -> Iterator[Span]:
    """The lines of a table, without the white space around them."""
    start = table.start
    for line in text[table.start : table.end].splitlines(keepends=True):
        if line.strip():
            yield Span(start + len(line) - len(line.lstrip()), start + len(line.rstrip()))
        start += len(line)


def _ends_of(document: Document) -> frozenset[int]:
    """Where blocks, their lines, pages and sections end, before the white space that follows."""
    ends = {span.end for block in document.blocks for span in _rows(document.text, block)}
    borders = [page.end for page in document.pages] + [heading.start for heading in document.headings]
    ends |= {len(document.text[:border].rstrip()) for border in borders}
    return frozenset(ends)


def _repeats(chunks: Sequence[Chunk]) -> dict[str, float]:
    seen: set[str] = set()
    values = {}
    for chunk in chunks:
        folded = " ".join(chunk.text.casefold().split())
        values[chunk.id] = float(folded in seen)
        seen.add(folded)
    return values
