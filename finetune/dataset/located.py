"""A question together with the place of the corpus that its answer stands at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from finetune.dataset.questions import SourceQuestion
from finetune.dataset.serving import Serving, SourceDocument
from finetune.dataset.texts import Place, around, nearest, places, stands_in
from tandem.errors import NotFoundError
from tandem.vocabulary import Passage


@dataclass(frozen=True, slots=True)
class Located:
    """A question, its documents, and where in one of them the reference stands to the letter."""

    question: SourceQuestion
    documents: tuple[SourceDocument, ...]
    reference: str
    """The answer that is wanted; empty for a question that has none."""
    place: Place | None = None
    """Of the reference in `at`; `None` where it is said in other words than the document's."""
    at: SourceDocument | None = None

    @property
    def ids(self) -> frozenset[str]:
        """Ids of all documents that hold the answer."""
        return frozenset(one for document in self.documents for one in document.ids)

    @property
    def uris(self) -> tuple[str, ...]:
        """Addresses of the same."""
        return tuple(document.uri for document in self.documents)

    def is_source(self, passage: Passage) -> bool:
        """Whether it is of one of the documents."""
        return passage.chunk.document_id in self.ids

    def holds(self, passage: Passage) -> bool:
        """Whether the answer can be given from this passage.

        It has the reference at its place, or elsewhere as words that are no accident. Of a class, or of a
        reference in other words, any passage of the documents is a candidate: whether it carries the answer
        is for the citer to say.
        """
        if not self.is_source(passage):
            return False
        if self.place is None or self.at is None or self.question.label is not None:
            return True
        chunk = passage.chunk
        there = (
            chunk.document_id in self.at.ids
            and chunk.start <= self.place.start <= self.place.end <= chunk.end
        )
        return (there and bool(places(self.reference, chunk.text))) or stands_in(self.reference, chunk.text)

    def cut(self, passage: Passage) -> Passage:
        """A passage that holds the answer, cut to the sentences that it stands in; whole where none has it to the
        letter."""
        found = places(self.reference, passage.chunk.text)
        if not found:
            return passage
        meant = nearest(found, self.place.start - passage.chunk.start if self.place else None) or found[0]
        span = around(passage.chunk.text, meant)
        start = passage.chunk.start
        chunk = replace(
            passage.chunk,
            text=passage.chunk.text[span.start : span.end],
            start=start + span.start,
            end=start + span.end,
        )
        return replace(passage, chunk=chunk)

    def is_told_by(self, passage: Passage) -> bool:
        """Whether a passage of whatever document says one of the references to the letter."""
        return any(stands_in(answer, passage.chunk.text) for answer in self.question.answers)


def locate(questions: Sequence[SourceQuestion], serving: Serving) -> list[Located]:
    """The questions with their documents. Raises `NotFoundError`, which counts and names what is not there."""
    names = list(dict.fromkeys(name for question in questions for name in question.documents))
    known = serving.documents(names)
    missing = [name for name in names if name not in known]
    if missing:
        raise NotFoundError(
            f"{len(missing)} of {len(names)} documents of the questions are not in the corpus; "
            f"the first is {missing[0]!r}",
            param="questions",
            hint="Ingest them, or name them by their ids or addresses as `tandem documents list` prints them.",
        )
    return [_located(question, _unique(known[name] for name in question.documents)) for question in questions]


def _located(question: SourceQuestion, documents: tuple[SourceDocument, ...]) -> Located:
    if not question.answerable:
        return Located(question, documents, "")
    answers = [" ".join(answer.split()) for answer in question.answers if answer.strip()]
    for answer in answers:
        for document in documents:
            place = nearest(places(answer, document.text), question.answer_start)
            if place is not None:
                return Located(question, documents, answer, place, document)
    return Located(question, documents, answers[0])


def _unique(documents: Iterable[SourceDocument]) -> tuple[SourceDocument, ...]:
    return tuple({document.uri: document for document in documents}.values())
