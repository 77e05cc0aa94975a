"""`tandem eval plant`: documents that mislead, to be ingested beside a corpus."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from eval.case import EvalCase
from eval.suites.corpus import read_documents
from eval.suites.planting import Planting, planted_corpus, planted_documents, write_planted
from tandem.cli.opened import opened_store
from tandem.cli.output import stdout
from tandem.errors import InvalidRequestError
from tandem.settings import Settings


def plant(settings: Settings, corpus: str, cases: Sequence[EvalCase], planting: Planting, out: Path) -> None:
    """Write them into the new folder `out`, and say how to go on. A server may run meanwhile.

    Raises `NotFoundError` for an unknown corpus, `InvalidRequestError` where no answer of the set stands in it,
    `ConflictError` where the folder is there, `StorageError`.
    """
    with opened_store(settings) as store:
        planted = planted_documents(cases, read_documents(store, corpus), planting)
    if not planted:
        raise InvalidRequestError(
            f"No case of the set has an answer that stands in a document of {corpus!r}",
            hint="Cases need references and documents.",
            param="set",
        )
    write_planted(planted, out)
    goal = planted_corpus(corpus, planting)
    stdout.print(f"written   {len(planted)} documents of {len(cases)} cases into {escape(str(out))}")
    stdout.print(f"next      tandem ingest {escape(shlex.quote(str(out)))} --corpus {escape(goal)}")
