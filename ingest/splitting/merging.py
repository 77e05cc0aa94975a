"""Units to chunks, with LlamaIndex's sentence splitter.

LlamaIndex's node parsers give texts back, not places, and a text may stand in many places. So they are
given one private character, a sign, for each unit, and their answer says exactly which units make a chunk.

Not all of them are of use in this way. `HierarchicalNodeParser` is this splitter, applied once more inside
each of its own pieces: that is what `parent` does, without a node with its id and hashes for each piece.
`MarkdownNodeParser` knows a heading by its `#` in the text, so not those of HTML or DOCX; the headings and
their places are known here already, and what is left of it is to cut there. `CodeSplitter` needs a grammar
of each language.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from ingest.splitting.units import Unit

if TYPE_CHECKING:
    from llama_index.core.node_parser.text.sentence import SentenceSplitter

FIRST_SIGN = 0xF0000
MOST_SIGNS = 0xFFF0
"""The private characters of plane 15, each of which can stand for one unit."""


def signs(number: int) -> str:
    """One private character for each of so many units."""
    return "".join(map(chr, range(FIRST_SIGN, FIRST_SIGN + number)))


class Merger:
    """Merges neighbouring units into chunks; for one thread at a time."""

    def __init__(self) -> None:
        self._splitters: dict[tuple[int, int], SentenceSplitter] = {}
        self._units: Sequence[Unit] = ()

    def merged(self, units: Iterable[Unit], overlap: int) -> Iterator[Unit]:
        """Chunks of the room that their run has; those of one run share up to `overlap` tokens.

        Pieces of one table or of one program share none: a row or a definition is found once.
        """
        for run, group in groupby(units, attrgetter("run")):
            of_run = list(group)
            shared = overlap if run.block is None else 0
            for start in range(0, len(of_run), MOST_SIGNS):
                yield from self._of(of_run[start : start + MOST_SIGNS], run.room, min(shared, run.room - 1))

    def _of(self, units: Sequence[Unit], room: int, overlap: int) -> Iterator[Unit]:
        size = sum(unit.size for unit in units)
        if size <= room:
            yield Unit(units[0].start, units[-1].end, size, units[0].run)
            return
        self._units = units
        for chunk in self._splitter(room, overlap).split_text(signs(len(units))):
            first, last = ord(chunk[0]) - FIRST_SIGN, ord(chunk[-1]) - FIRST_SIGN
            size = sum(unit.size for unit in units[first : last + 1])
            yield Unit(units[first].start, units[last].end, size, units[first].run)

    def _splitter(self, room: int, overlap: int) -> "SentenceSplitter":
        from llama_index.core.node_parser.text.sentence import SentenceSplitter

        if (room, overlap) not in self._splitters:
            self._splitters[room, overlap] = SentenceSplitter(
                chunk_size=room,
                chunk_overlap=overlap,
                tokenizer=self._sized,
                chunking_tokenizer_fn=list,
                include_metadata=False,
                include_prev_next_rel=False,
            )
        return self._splitters[room, overlap]

    def _sized(self, text: str) -> range:
        """In place of the tokens of a text of signs, something of their number."""
        return range(sum(self._units[ord(sign) - FIRST_SIGN].size for sign in text))
