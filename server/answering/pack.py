"""Packs passages into a budget of tokens: the best first, each whole, the last perhaps cut at a sentence."""

from collections.abc import Sequence
from dataclasses import replace

from server.answering.support import sentences
from tandem.retrieval_profile import RetrievalProfile
from tandem.tokens import ModelTokens
from tandem.vocabulary import Passage

PER_PASSAGE = 4
"""Tokens of a passage's number and line breaks."""


def pack(
    passages: Sequence[Passage], room: int, tokens: ModelTokens, *, cut_last: bool
) -> tuple[Passage, ...]:
    """As many of the best passages as `room` tokens hold, until one does not fit.

    That one is cut at a sentence where `cut_last` says so, and where nothing else is there to read. What is
    cut still stands in its document from `start` to `end`.
    """
    packed: list[Passage] = []
    for passage in passages:
        cost = cost_of(passage, tokens)
        if cost > room:
            beginning = _cut(passage, room, tokens) if cut_last or not packed else None
            return (*packed, beginning) if beginning else tuple(packed)
        packed.append(passage)
        room -= cost
    return tuple(packed)


def cost_of(passage: Passage, tokens: ModelTokens) -> int:
    """Tokens of a passage in a prompt, without its title."""
    return PER_PASSAGE + tokens.count(tokens.plain(passage.chunk.text))


def arrange(packed: Sequence[Passage], profile: RetrievalProfile) -> tuple[Passage, ...]:
    """The passages, best first, in the order of the profile; `prompt` leaves them to the prompt."""
    match profile.order:
        case "best_last":
            return tuple(reversed(packed))
        case "stable":
            return tuple(sorted(packed, key=lambda passage: (passage.chunk.document_id, passage.chunk.start)))
        case _:
            return tuple(packed)


def _cut(passage: Passage, room: int, tokens: ModelTokens) -> Passage | None:
    """The longest beginning of whole sentences that fits; `None` where not even the first does."""
    best = None
    ends = [span.end for span in sentences(passage.chunk.text)]
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        text = passage.chunk.text[: ends[middle]]
        shorter = replace(
            passage, chunk=replace(passage.chunk, text=text, end=passage.chunk.start + len(text))
        )
        if cost_of(shorter, tokens) <= room:
            best, low = shorter, middle + 1
        else:
            high = middle
    return best
