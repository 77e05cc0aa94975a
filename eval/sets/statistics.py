"""What an eval set holds, in numbers, and what of it is worth a second look."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from eval.case import EvalCase
from eval.sets.hashing import id_of_question
from eval.sets.slices import slices_of


@dataclass(frozen=True, slots=True)
class SetStatistics:
    """Numbers of cases."""

    cases: int
    answerable: int
    with_references: int
    with_documents: int
    elsewhere: int
    """That another document answers, too: asked without their own, they tell nothing."""
    with_label: int
    with_paraphrases: int
    follow_ups: int
    without_reference: int
    """Answerable, but nothing says what is right: no reference, document or label. Only measures that need none
    ask about them."""
    repeated: int
    """Ask what an earlier case asks, with the same said before it."""
    labels: dict[str, int]
    """The commonest first."""
    tags: dict[str, int]
    """Of every slice, derived tags too."""

    @property
    def notices(self) -> tuple[str, ...]:
        """For people: what may not be meant."""
        folded = Counter(label.casefold().strip() for label in self.labels)
        alike = [label for label in self.labels if folded[label.casefold().strip()] > 1]
        told = (
            (self.without_reference, f"{self.without_reference} cases are without reference"),
            (self.repeated, f"{self.repeated} cases ask what another one asks"),
            (alike, f"labels that differ in letter case or spaces alone: {', '.join(map(repr, alike))}"),
            (
                self.with_label and self.with_label < self.answerable,
                f"{self.answerable - self.with_label} answerable cases have no label, though others have one",
            ),
        )
        return tuple(text for holds, text in told if holds)


def statistics_of(cases: Sequence[EvalCase]) -> SetStatistics:
    """Counts over the cases."""
    asked = {id_of_question(case.question, case.history) for case in cases}
    return SetStatistics(
        cases=len(cases),
        answerable=sum(case.answerable for case in cases),
        with_references=sum(bool(case.references) for case in cases),
        with_documents=sum(bool(case.documents) for case in cases),
        elsewhere=sum(case.elsewhere for case in cases),
        with_label=sum(case.label is not None for case in cases),
        with_paraphrases=sum(bool(case.paraphrases) for case in cases),
        follow_ups=sum(bool(case.history) for case in cases),
        without_reference=sum(is_without_reference(case) for case in cases),
        repeated=len(cases) - len(asked),
        labels=dict(Counter(case.label for case in cases if case.label is not None).most_common()),
        tags={tag: len(ids) for tag, ids in slices_of(cases).items()},
    )


def is_without_reference(case: EvalCase) -> bool:
    """Whether nothing says what would be right."""
    return case.answerable and not case.references and not case.documents and case.label is None
