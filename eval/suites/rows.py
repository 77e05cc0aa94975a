"""A case beside the reply that an arm gave to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eval.case import EvalCase
from eval.reply import FoundPassage, Reply, Variant
from finetune.validation.scores import says_unknown, without_marks


@dataclass(frozen=True, slots=True)
class Row:
    """What a measure of one answer sees."""

    case: EvalCase
    reply: Reply

    @property
    def answer(self) -> str:
        """The text without citation marks."""
        return without_marks(self.reply.text)

    @property
    def unknown(self) -> bool:
        """Whether it was answered by "I don't know."."""
        return says_unknown(self.reply.text, abstained=self.reply.abstained)

    @property
    def in_prompt(self) -> list[FoundPassage]:
        """The passages that the model saw, best first."""
        return [passage for passage in self.reply.passages if passage.in_prompt]

    def is_right_document(self, place: object) -> bool:
        """Whether a passage or citation is of a document of the case, which names it by id or address."""
        return not {getattr(place, "document_id", None), getattr(place, "uri", None)}.isdisjoint(
            self.case.documents
        )


def rows_of(cases: Iterable[EvalCase], replies: Sequence[Reply], variant: Variant = "asked") -> list[Row]:
    """The replies of one variant, each beside its case, in the order of the cases and of their parts.

    A case that was not asked so has no row.
    """
    by_case: dict[str, list[Reply]] = {}
    for reply in replies:
        if reply.variant == variant:
            by_case.setdefault(reply.case, []).append(reply)
    return [
        Row(case, reply)
        for case in cases
        for reply in sorted(by_case.get(case.id, ()), key=lambda each: each.part)
    ]


def retrieves(replies: Iterable[Reply]) -> bool:
    """Whether any reply brought a passage: the arm has retrieval."""
    return any(reply.passages for reply in replies)
