"""All that a validation found: figures, differences, what was forgotten, the training's own figures, each answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from finetune.validation.measures import Differences, Measures, compare, measure
from finetune.validation.outcome import Outcome
from finetune.validation.plain import Forgetting
from tandem.errors import InvalidRequestError, StorageError
from tandem.resampling import Estimate


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of some recipes over the same questions."""

    recipes: dict[str, Measures]
    differences: dict[str, Differences]
    """Of each later recipe less the first, called `LATER - FIRST`."""
    versions: dict[str, str]
    """Hash of what each recipe said."""
    answers: dict[str, tuple[Outcome, ...]]
    forgetting: Forgetting | None = None
    training: dict[str, Any] = field(default_factory=dict)
    """`training.json` of the run, where one was named: losses, token accuracy, the points of the curve."""

    def as_json(self) -> dict[str, Any]:
        """For a file; the answers last."""
        whole = asdict(self)
        answers = whole.pop("answers")
        return whole | {"answers": answers}


def report_of(
    outcomes: Mapping[str, Sequence[Outcome]],
    versions: Mapping[str, str],
    *,
    forgot: Forgetting | None = None,
    training: Mapping[str, Any] | None = None,
) -> Report:
    """The report of outcomes by recipe, each in the same order of questions. Raises `ValueError` otherwise."""
    first, *others = outcomes
    return Report(
        recipes={recipe: measure(each) for recipe, each in outcomes.items()},
        differences={f"{other} - {first}": compare(outcomes[other], outcomes[first]) for other in others},
        versions=dict(versions),
        answers={recipe: tuple(each) for recipe, each in outcomes.items()},
        forgetting=forgot,
        training=dict(training or {}),
    )


def metrics_of(report: Report, recipe: str) -> dict[str, Any]:
    """The figures of one recipe for an adapter's facts, by name; means alone, intervals where they decide."""
    measures = report.recipes[recipe]
    named = {
        "exact_match": measures.exact_match,
        "f1": measures.f1,
        "contains": measures.contains,
        "unknown_answerable": measures.unknown_answerable,
        "unknown_unanswerable": measures.unknown_unanswerable,
        "cites_reference": measures.citations.reference,
        "cites_reference_words": measures.citations.reference_words,
        "cites_answer_words": measures.citations.answer_words,
        "accuracy": measures.labels.accuracy if measures.labels else None,
        "plain_before": report.forgetting.before if report.forgetting else None,
        "plain_after": report.forgetting.after if report.forgetting else None,
        "plain_difference": report.forgetting.difference if report.forgetting else None,
    }
    figures: dict[str, Any] = {name: _rounded(one) for name, one in named.items() if one is not None}
    if measures.labels:
        figures["macro_f1"] = round(measures.labels.macro_f1, 4)
    return figures | {"answerable": measures.answerable, "unanswerable": measures.unanswerable}


def read_training(run: Path) -> dict[str, Any]:
    """`training.json` of a training's folder. Raises `InvalidRequestError`."""
    file = run / "training.json"
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequestError(
            f"{file} cannot be read: {error}",
            param="run",
            hint="Name a folder that `tandem finetune train` wrote.",
        ) from error
    if not isinstance(found, dict):
        raise InvalidRequestError(f"{file} is no JSON object", param="run")
    return found


def write_report(report: Report, file: Path) -> None:
    """Write it whole, or not at all. Raises `StorageError`."""
    fresh = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=1) + "\n", "utf-8")
        fresh.replace(file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}", param="out") from error
    finally:
        fresh.unlink(missing_ok=True)


def _rounded(one: Estimate) -> dict[str, float]:
    return {"mean": round(one.mean, 4), "low": round(one.low, 4), "high": round(one.high, 4)}
