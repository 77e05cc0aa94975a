"""Voted answers for a command: of a file, or of the store, where they were accepted."""

from collections import Counter
from pathlib import Path

from finetune.dataset.feedback import STORE, accepted_feedback, read_feedback
from finetune.dataset.questions import SourceQuestion
from tandem.abstention import ABSTENTION
from tandem.settings import Settings
from tandem.store import open_store
from tandem.vocabulary import Caller


def voted_questions(settings: Settings, source: Path) -> tuple[list[SourceQuestion], Counter[str]]:
    """Questions whose answers were voted up or corrected, and how many others there were, by why they are none.

    `source` is a file, or the word `store`. Raises `InvalidRequestError` where there is nothing to learn from.
    """
    if source != STORE:
        return read_feedback(source, ABSTENTION)
    store = open_store(settings.store, settings.data_dir)
    try:
        return accepted_feedback(store, Caller(), ABSTENTION)
    finally:
        store.close()
