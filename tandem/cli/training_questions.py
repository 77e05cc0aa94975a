"""Puts the questions that an adapter was trained on beside it, as vectors: so a question unlike them is known."""

import asyncio
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finetune.training.training_set import read_training_set
from tandem.adapters.training_questions import (
    MOST_QUESTIONS,
    TrainingQuestions,
    write_training_questions,
)
from tandem.cli.output import progress
from tandem.embedding import Embedder, load_embedder
from tandem.errors import TandemError
from tandem.live import embedding_of
from tandem.settings import EmbeddingSettings, Settings
from tandem.store import open_store


def note_training_questions(settings: Settings, set_folder: Path, out: Path) -> None:
    """Embed the set's questions with the embedder that answers, and write them into the training's folder.

    Where that fails, the training stands, and the adapter has none; it says so.
    """
    try:
        questions = dict.fromkeys(one.question for one in read_training_set(set_folder).training)
        embedder = load_embedder(_embedding(settings), settings.data_dir, progress)
        try:
            vectors = asyncio.run(_embedded(embedder, list(questions)[:MOST_QUESTIONS]))
        finally:
            embedder.close()
        write_training_questions(out, TrainingQuestions(embedder.fingerprint, vectors))
    except (TandemError, OSError) as error:
        progress(f"Questions from outside the training will not be told from others: {error}")


def _embedding(settings: Settings) -> EmbeddingSettings:
    """Of the collection that answers; of the settings where there is none yet."""
    store = open_store(settings.store, settings.data_dir)
    try:
        active = store.active_collection()
    finally:
        store.close()
    return embedding_of(active.embedding, settings.embedding) if active else settings.embedding


async def _embedded(embedder: Embedder, questions: list[str]) -> NDArray[np.float32]:
    return np.stack(await asyncio.gather(*map(embedder.embed_query, questions)))
