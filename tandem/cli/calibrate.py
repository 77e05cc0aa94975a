"""`tandem calibrate`: makes a probability of the evidence that holds for a user's own questions."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.markup import escape

from eval.calibrating import Found, Seen, cross_fitted, fit_for_others, holds, usable, with_own
from eval.case import EvalCase
from eval.reliability import auroc, brier, expected_calibration_error
from finetune.splitting import hanging_together
from server.answering.evidence_features import with_rarities, words_of
from server.api.evidence import EvidenceBody
from server.calibration import FEATURES, bundled_calibration, write_calibration
from server.word_counts import WordCounts, counted
from tandem.cli.eval_cases import cases_of
from tandem.cli.looks import Looking, look_for
from tandem.cli.output import print_json, progress, stdout
from tandem.errors import InvalidRequestError, StorageError
from tandem.settings import Settings

_LEAST = 8
_FEW_DOCUMENTS = 10
"""Below which a fit without some of them lacks too much."""
_OF_THE_ORDER = ("score", "score_lead")
"""Features of what put the passages in their order."""
_THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def calibrate(
    settings: Settings,
    corpus: str,
    questions: Path | str,
    out: Path | None,
    recipe: str | None,
    *,
    likelihood: bool,
    scores: bool,
    as_json: bool,
) -> None:
    """Fit a calibration on the questions, print figures before and after, and write it to `out`.

    `questions` are those of a file, or of a registered eval set, `NAME` or `NAME@NUMBER`. With `likelihood` the engine
    is asked how much of each question the best passage explains, and serving will ask it, too. Without `scores`, what
    the fusion or the reranker thinks of the passages does not count: a reranker that was trained on these very
    questions thinks better of them than it will of others.

    Raises `InvalidRequestError` for a file that cannot be read or tells too little, `NotFoundError` for an eval
    set, corpus, recipe or document that is not there, `StorageError` where the calibration cannot be written,
    `EngineUnavailableError` where the engine is to say something and does not.
    """
    cases, name = _cases(settings, questions)
    asking = list(_asking(cases))
    progress(f"Searching {corpus} for {len(asking)} questions")
    bodies = look_for(settings, corpus, recipe, asking, likelihood=likelihood)
    scored_by, words = _scored_by(bodies), _words(bodies)
    seen, before = _seen(asking, bodies, scored_by, words)
    if not scores:
        seen = list(map(_without_scores, seen))
    labels = [one.holds for one in seen]
    certain = [one.holds for one in seen if one.certain]
    if min(sum(certain), len(certain) - sum(certain)) < _LEAST:
        raise InvalidRequestError(
            f"The passages hold the answer to {sum(certain)} questions, and to {len(certain) - sum(certain)} they surely "
            f"do not; a calibration needs at least {_LEAST} of either kind",
            param="questions",
            hint="Name the documents that answer each question: it is then asked without them, too.",
        )
    prior = with_own(bundled_calibration(), seen, scored_by, words, bodies[0].model if likelihood else "")
    after = cross_fitted(seen, prior)
    told = f"{name}: {len(cases)} questions to corpus {corpus}"
    calibration = fit_for_others(seen, prior, told, bodies[0].embedder)
    file = (out or settings.data_dir / f"calibration-{corpus}.json").absolute()
    try:
        write_calibration(calibration, file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}", param="out") from error
    _print(labels, before, after, file, calibration.digest, as_json=as_json)


def _cases(settings: Settings, questions: Path | str) -> tuple[list[EvalCase], str]:
    """The cases that can be learnt from, and what they are called."""
    cases, name = cases_of(settings, questions)
    told = usable(cases)
    if len(told) < len(cases):
        progress(
            f"{len(cases) - len(told)} questions are passed over: follow-ups, and those that name neither "
            "documents nor answers"
        )
    return told, name


def _asking(cases: Sequence[EvalCase]) -> Iterator[Looking]:
    """Each case as it is; one whose documents are known also with them left out."""
    for case in cases:
        yield Looking(case, leave_out=False)
        if case.answerable and case.documents and not case.elsewhere:
            yield Looking(case, leave_out=True)


def _words(bodies: Sequence[EvidenceBody]) -> WordCounts:
    """Of all passages that came: what the questions of this corpus are told apart by. Raises `InvalidRequestError`."""
    texts = {passage.text for body in bodies for passage in body.passages}
    if not texts:
        raise InvalidRequestError(
            "No question brought a passage", param="corpus", hint="Ingest documents into the corpus first."
        )
    return counted(map(words_of, texts))


def _scored_by(bodies: Sequence[EvidenceBody]) -> str:
    """What scored the passages of most questions; a reranker may have been late for some."""
    counts = Counter(body.scored_by for body in bodies if body.features)
    (most, count), *others = counts.most_common() or [("", 0)]
    if others:
        progress(
            f"{counts.total() - count} questions are left out, whose passages "
            f"{' or '.join(repr(name) for name, _ in others)} scored, and not {most!r} as the others: "
            "a reranker was late, or no further wordings came"
        )
    return most


def _seen(
    asking: Sequence[Looking],
    bodies: Sequence[EvidenceBody],
    scored_by: str,
    words: WordCounts,
) -> tuple[list[Seen], list[float]]:
    """What the questions brought, and what is said of it now; without passages there is nothing to fit.

    What another document answers, too, tells nothing where its own was not found.
    """
    told = [
        (one, body, case, held)
        for one, body in zip(asking, bodies, strict=True)
        if body.features and body.scored_by == scored_by
        for case in [one.case.model_copy(update={"documents": tuple(body.documents)})]
        for held in [not one.leave_out and holds(case, _found(body))]
        if held or not case.elsewhere
    ]
    groups = _groups([(one.case.id, body.documents) for one, body, _, _ in told])
    seen = [
        Seen(
            with_rarities(body.features, case.question, [passage.text for passage in body.passages], words),
            held,
            group,
            certain=held or one.leave_out or not (case.answerable and case.references),
        )
        for (one, body, case, held), group in zip(told, groups, strict=True)
    ]
    return seen, [body.evidence for _, body, _, _ in told]


def _found(body: EvidenceBody) -> list[Found]:
    return [Found(passage.document_id, passage.uri, passage.text) for passage in body.passages]


def _groups(keyed: Sequence[tuple[str, Sequence[str]]]) -> list[int]:
    """The same number for cases that share a document; where there are few documents, for looks of one case."""
    together = hanging_together(keyed)
    if sum(bool(keyed[group[0]][1]) for group in together) < _FEW_DOCUMENTS:
        together = hanging_together([(case, ()) for case, _ in keyed])
    numbers = {place: number for number, group in enumerate(together) for place in group}
    return [numbers[place] for place in range(len(keyed))]


def _without_scores(one: Seen) -> Seen:
    """What does not vary gets no weight."""
    values = tuple(
        0.0 if name in _OF_THE_ORDER else value for name, value in zip(FEATURES, one.features, strict=True)
    )
    return replace(one, features=values)


def _print(
    labels: list[bool],
    before: list[float],
    after: list[float],
    file: Path,
    digest: str,
    *,
    as_json: bool,
) -> None:
    figures = {name: _figures(labels, said) for name, said in (("before", before), ("after", after))}
    if as_json:
        print_json(
            {"questions": len(labels), "hold_the_answer": sum(labels), **figures, "file": str(file),
             "version": digest}
        )  # fmt: skip
        return
    stdout.print(f"{len(labels)} questions were searched for; the passages hold the answer to {sum(labels)}.")
    stdout.print(
        "After: each question by a calibration that was fitted without it, and, of ten documents and more, without its documents.\n"
    )
    stdout.print("           ECE   AUROC   Brier")
    for name, one in figures.items():
        stdout.print(f"{name:>6}  {one['ece']:6.3f}  {one['auroc']:6.3f}  {one['brier']:6.3f}")
    stdout.print("\nthreshold  answered  of these wrongly  answerable lost")
    for row in figures["after"]["thresholds"]:
        stdout.print(
            f"{row['threshold']:9.2f}  {row['answered']:8.1%}  {row['wrongly']:16.1%}  {row['lost']:15.1%}"
        )
    stdout.print(f"\nwritten   {escape(str(file))}, version {digest}")
    stdout.print("To use it, set answer.calibration to this file, and answer.evidence to a threshold.")


def _figures(labels: list[bool], said: list[float]) -> dict[str, Any]:
    return {
        "ece": round(expected_calibration_error(labels, said), 4),
        "auroc": round(auroc(labels, said), 4),
        "brier": round(brier(labels, said), 4),
        "thresholds": [_row(threshold, labels, said) for threshold in _THRESHOLDS],
    }


def _row(threshold: float, labels: list[bool], said: list[float]) -> dict[str, float]:
    answered = [label for label, p in zip(labels, said, strict=True) if p >= threshold]
    return {
        "threshold": threshold,
        "answered": round(len(answered) / len(labels), 4),
        "wrongly": round(answered.count(False) / len(answered), 4) if answered else 0.0,
        "lost": round(1 - answered.count(True) / labels.count(True), 4),
    }
