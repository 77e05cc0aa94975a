"""`tandem finetune embedder`: learns from questions and the chunks that answer them, and keeps what is better."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Shown

from finetune.embedder import Asked, Split, TuningOptions, pair_up, read_asked, read_set, split_pairs, tune
from finetune.embedder.keeping import Origins, metrics_of, write_folder, writer
from finetune.embedder.model import load_model
from finetune.embedder.questions import hash_of
from finetune.embedder.training import Progress
from ingest.chunking import Chunker
from tandem.cli.opened import author
from tandem.cli.output import print_json, progress, stderr, stdout
from tandem.embedding import load_embedder
from tandem.embedding.loading import embedder_folder, prompts_of
from tandem.embedding.registered import EmbedderVersion, check_name, embedder_versions, register_embedder
from tandem.errors import InvalidRequestError, TooFewExamplesError
from tandem.live import embedding_of
from tandem.resampling import bootstrap_mean
from tandem.retrieval_profile import retrieval_profile
from tandem.settings import EmbeddingSettings, Settings
from tandem.store import Store, open_store
from tandem.vocabulary import Caller, Chunk

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: one of `questions` and `training_set`, and one of `out` and `name`."""

    corpus: str
    questions: Path | None
    training_set: Path | None
    out: Path | None
    name: str | None
    base: str | None
    note: str


def tune_embedder(settings: Settings, wish: Wish, options: TuningOptions, *, as_json: bool) -> None:
    """Tune, and keep the result where it is better on validation; else end with status 1.

    A running server is not disturbed: documents come from the store, and what is searched is an index of its own.
    """
    _check(wish)
    train, held = _asked(wish)
    with closing(open_store(settings.store, settings.data_dir)) as store:
        embedding = _embedding(settings, store, wish.base)
        progress(f"Cutting the documents of {wish.corpus}")
        fingerprint, chunks = _chunks(settings, store, embedding, wish.corpus)
    pairs = pair_up(train, chunks)
    split = (
        split_pairs(pairs, options.validation_share, options.seed)
        if held is None
        else Split(pairs, pair_up(held, chunks))
    )
    asked = [*train, *(held or [])]
    found = len(split.train) + len(split.validation)
    progress(f"{found} of {len(asked)} questions have their answer in a chunk")
    if not found:
        raise TooFewExamplesError(
            f"No question has its answer in a chunk of the corpus {wish.corpus}",
            hint="Answers must stand in the documents word for word, and doc_ids must be addresses or ids of them.",
            param="questions",
        )
    folder = embedder_folder(embedding.model, settings.data_dir)
    prompts = prompts_of(folder, embedding)
    model = load_model(folder)
    profile = retrieval_profile(settings)
    with _shown(hidden=as_json) as (say, report):
        tuned = tune(model, chunks, split, prompts, profile.fusion, options, say, report)
    origins = Origins(embedding.model, fingerprint, prompts, hash_of(asked), wish.corpus, len(asked) - found)
    metrics = metrics_of(tuned, split, origins, profile.leg, bootstrap_mean)
    kept = tuned.best_epoch > 0
    write = writer(model, tuned, metrics, origins, options)
    version = folder_out = None
    if kept and wish.out is not None:
        write_folder(wish.out, write)
        folder_out = str(wish.out)
    elif kept and wish.name is not None:
        version = register_embedder(settings.data_dir, wish.name, write, author=author(), note=wish.note)
    if as_json:
        print_json({"kept": kept, "ref": version.ref if version else None, "folder": folder_out} | metrics)
    else:
        _print(metrics, version, folder_out)
    if not kept:
        raise typer.Exit(1)


def list_embedders(settings: Settings, *, as_json: bool) -> None:
    """Print the tuned embedders."""
    found = embedder_versions(settings.data_dir)
    if as_json:
        print_json(
            [asdict(one) | {"ref": one.ref, "created_at": one.created_at.isoformat()} for one in found]
        )
        return
    for one in found:
        stdout.print(
            f"{escape(one.ref)}  {one.created_at:%Y-%m-%d %H:%M}  of {escape(one.facts.base)}  "
            f"{escape(one.facts.metrics.get('verdict', ''))}"
        )
    if not found:
        stdout.print("No tuned embedder; make one with `tandem finetune embedder`")


def _check(wish: Wish) -> None:
    if (wish.questions is None) == (wish.training_set is None):
        raise InvalidRequestError("Name either --questions or --set", hint="tandem finetune embedder --help")
    if (wish.out is None) == (wish.name is None):
        raise InvalidRequestError("Name either --name or --out", hint="tandem finetune embedder --help")
    if wish.name is not None:
        check_name(wish.name)
    if wish.out is not None and wish.out.exists():
        raise InvalidRequestError(f"{wish.out} is there already", param="out", hint="Name another folder.")


def _asked(wish: Wish) -> tuple[list[Asked], list[Asked] | None]:
    """Questions, and those to validate on where a training set has split them."""
    if wish.training_set is not None:
        return read_set(wish.training_set)
    assert wish.questions is not None  # noqa: S101  # looked at before
    return read_asked(wish.questions), None


def _embedding(settings: Settings, store: Store, base: str | None) -> EmbeddingSettings:
    """Settings of the base: the one that answers, unless another is named. It must be on this machine."""
    active = store.active_collection()
    embedding = embedding_of(active.embedding, settings.embedding) if active else settings.embedding
    if base is not None:
        named = {"model": base, "address": None, "tokenizer": None, "query_prompt": "", "document_prompt": ""}
        return settings.embedding.model_copy(update=named)
    if embedding.address:
        raise InvalidRequestError(
            "The embedder that answers is behind an address, so its weights are not here",
            hint="Name the model to tune with --base.",
            param="base",
        )
    return embedding


def _chunks(
    settings: Settings, store: Store, embedding: EmbeddingSettings, corpus: str
) -> tuple[str, list[Chunk]]:
    """The base's fingerprint, and the chunks of the corpus as they would be cut for it."""
    with closing(load_embedder(embedding, settings.data_dir, progress)) as embedder:
        chunker = Chunker(store, lambda: embedder, settings.ingest)
        chunks: list[Chunk] = []
        offset = 0
        while page := store.documents(Caller(), corpus, _PAGE, offset):
            offset += len(page)
            for listed in page:
                if listed.duplicate_of is None:  # the other document is searched in its place
                    record = store.document(Caller(), corpus, listed.id)
                    chunks += chunker.split(record.as_document(), record.version).chunks
        return embedder.fingerprint, chunks


@contextmanager
def _shown(*, hidden: bool) -> Iterator[tuple[Any, Any]]:
    """What is said stands above a bar with loss, speed and time left."""
    with Shown(
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}  {task.fields[rate]} pairs/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=stderr,
        transient=True,
        disable=hidden,
    ) as shown:
        task = shown.add_task("tuning", total=None, epoch="-", loss="-", rate="-")

        def report(now: Progress) -> None:
            shown.update(
                task, completed=now.step, total=now.steps, epoch=now.epoch,
                loss=f"{now.loss:.3f}", rate=f"{now.pairs_per_s:.1f}",
            )  # fmt: skip

        yield (lambda text: _say(shown.console, text)), report


def _say(console: Console, text: str) -> None:
    console.print(f"[dim]›[/dim] {escape(text)}")


def _print(metrics: dict[str, Any], version: EmbedderVersion | None, folder: str | None) -> None:
    stdout.print("validation        recall@1  recall@5  recall@10    MRR")
    for leg in metrics["before"]:
        for when in ("before", "after"):
            row = metrics[when][leg]
            stdout.print(
                f"{leg:>8} {when:<8} {row['recall@1']:8.1%}  {row['recall@5']:8.1%}  {row['recall@10']:9.1%}  "
                f"{row['mrr']:5.1%}"
            )
    stdout.print(metrics["verdict"])
    kept = version.ref if version else folder
    if kept is None:
        stdout.print("No epoch did better than the base on validation: nothing was kept.")
        return
    stdout.print(f"kept      {escape(kept)}")
    stdout.print(f"To use it: tandem reindex --embedder {escape(kept)}   Back: tandem reindex --back")
