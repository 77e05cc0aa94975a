"""Confusion matrices, as a page shows them."""

from dataclasses import dataclass

from eval.comparison import Comparison
from eval.report.references import to_confusion


@dataclass(frozen=True, slots=True)
class Matrix:
    """Of one arm: rows by the right class, each with `(said, answers, shade)` a column; shades go from 0 to 4."""

    arm: str
    place: str
    said: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, int, int], ...]], ...]


def confusions(comparison: Comparison) -> list[Matrix]:
    """One matrix an arm that has one; all with the same classes in the same order, and no class ("") last."""
    known = [arm.confusion for arm in comparison.arms if arm.confusion]
    right = sorted({label for one in known for label in one})
    said = sorted({label for one in known for counts in one.values() for label in counts} | set(right))
    order = (*(label for label in said if label), *(label for label in said if not label))
    return [
        Matrix(
            arm.name,
            to_confusion(arm.name),
            order,
            tuple((label, _row(arm.confusion.get(label, {}), order)) for label in right),
        )
        for arm in comparison.arms
        if arm.confusion
    ]


def _row(counts: dict[str, int], order: tuple[str, ...]) -> tuple[tuple[str, int, int], ...]:
    whole = sum(counts.values())
    return tuple((said, counts.get(said, 0), _shade(counts.get(said, 0), whole)) for said in order)


def _shade(part: int, whole: int) -> int:
    """Started fourths of the row."""
    return -(-4 * part // whole) if whole else 0
