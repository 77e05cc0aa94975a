"""`tandem eval ingestion`: how well a corpus was read and cut."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from eval.case import EvalCase
from eval.measure import Scores
from eval.suites.corpus import CutCorpus, read_corpus
from eval.suites.ingestion import ANSWER_IN_CHUNK, ANSWER_IN_TEXT, CHUNK_TOKENS, score_ingestion
from tandem.cli.bar import Bar
from tandem.cli.opened import opened_store
from tandem.cli.output import print_json, progress, stderr, stdout
from tandem.embedding import load_embedder
from tandem.live import embedding_of
from tandem.settings import Settings
from tandem.vocabulary import Caller

_CALLER = Caller()
_SHOWN = 5
_OF = (ANSWER_IN_TEXT, ANSWER_IN_CHUNK)
"""Of questions, which are a sample and have an interval; the other measures are of all that there is."""


def measure_ingestion(
    settings: Settings, corpus: str, cases: Sequence[EvalCase] = (), *, as_json: bool
) -> None:
    """Print the suite of ingestion of a corpus; without cases it says nothing of answers.

    A server may run meanwhile. Raises `NotFoundError` for an unknown corpus.
    """
    with opened_store(settings) as store:
        active = store.active_collection()
        wanted = embedding_of(active.embedding, settings.embedding) if active else settings.embedding
        total = sum(one.documents for one in store.corpora(_CALLER) if one.name == corpus)
        embedder = load_embedder(wanted, settings.data_dir, progress)
        try:
            with Bar("Cutting", hidden=as_json or not stderr.is_terminal, unit="documents") as bar:
                cut = read_corpus(
                    store,
                    embedder,
                    settings.ingest,
                    corpus,
                    progress=lambda done: bar.move(done, total, done),
                )
            scores = score_ingestion(cut.documents, cases, embedder.count_tokens)
        finally:
            embedder.close()
    if as_json:
        print_json(_as_json(corpus, cut, scores))
    else:
        _print(corpus, cut, scores)


def _as_json(corpus: str, cut: CutCorpus, scores: Sequence[Scores]) -> dict[str, Any]:
    return {
        "corpus": corpus,
        "documents": len(cut.documents),
        "chunks": sum(len(one.chunks) for one in cut.documents),
        "duplicates": cut.duplicates,
        "changed": cut.changed,
        "measures": {one.measure.name: _figure(one) for one in scores},
    }


def _figure(scores: Scores) -> dict[str, Any]:
    values = list(scores.values.values())
    figure: dict[str, Any] = {"mean": sum(values) / len(values) if values else None, "of": len(values)}
    if scores.measure in _OF:
        estimate = scores.estimate()
        figure["interval"] = [estimate.low, estimate.high] if estimate else None
        figure["missed"] = [case for case, value in scores.values.items() if not value]
        figure["passed_over"] = dict(scores.passed_over)
    elif scores.measure is CHUNK_TOKENS and values:
        ordered = sorted(values)
        figure |= {
            f"p{percent}": ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
            for percent in (5, 50, 95)
        }
        figure |= {"least": ordered[0], "most": ordered[-1]}
    return figure | {"failed": dict(scores.failed)}


def _print(corpus: str, cut: CutCorpus, scores: Sequence[Scores]) -> None:
    chunks = sum(len(one.chunks) for one in cut.documents)
    table = Table(title=f"{escape(corpus)}: {len(cut.documents):,} documents, {chunks:,} chunks")
    for name in ("measure", "value", "of"):
        table.add_column(name, justify="left" if name == "measure" else "right")
    for one in scores:
        if figure := _figure(one):
            of = f"{figure['of']:,}" + (f" (+{len(one.failed)} failed)" if one.failed else "")
            table.add_row(one.measure.title, escape(_cell(one, figure)), of)
    stdout.print(table)
    for one in scores:
        missed = [case for case, value in one.values.items() if not value] if one.measure in _OF else []
        if missed:
            more = f" and {len(missed) - _SHOWN} more" if len(missed) > _SHOWN else ""
            stdout.print(f"not in “{one.measure.title}”: {escape(', '.join(missed[:_SHOWN]))}{more}")
        for reason in sorted(set(one.passed_over.values())) if one.measure is ANSWER_IN_TEXT else ():
            count = sum(each == reason for each in one.passed_over.values())
            stdout.print(f"{count:,} cases were not asked about: {escape(reason)}")
    if cut.duplicates:
        stdout.print(f"{cut.duplicates:,} documents are not searched: others say the same")
    if cut.changed:
        stdout.print(
            f"{len(cut.changed):,} documents would be cut otherwise now, such as {escape(cut.changed[0])}; "
            "ingest them again, or these figures are not those of the index."
        )


def _cell(scores: Scores, figure: dict[str, Any]) -> str:
    if figure["mean"] is None:
        return "-"
    if scores.measure is CHUNK_TOKENS:
        return (
            f"{figure['mean']:.0f}; {figure['p5']:.0f} to {figure['p95']:.0f}, at most {figure['most']:.0f}"
        )
    value = f"{100 * figure['mean']:.1f}%"
    if interval := figure.get("interval"):
        value += f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"
    return value
