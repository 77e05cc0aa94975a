"""A deletion takes what feedback holds of the deleted, and nothing of it comes back."""

from dataclasses import replace

import pytest
from votes import ACME, NOW, SEEN, TRACE

from tandem.errors import NotFoundError
from tandem.store import Observation, Store, Vote
from tandem.vocabulary import Caller, Document

DOCUMENT = Document("acme", "docs", "file:gate", "Gate", "text/plain", "The gate closes at seven.", "hash")
WORDS = Vote("t1", "acme", "ann", "down", tags=("late",), comment="No", correction="It closes at eight.")


@pytest.fixture
def voted(store: Store) -> Store:
    store.begin_version(DOCUMENT, "v1")
    store.commit_version(DOCUMENT.id, "v1", 1)
    store.add_trace(replace(TRACE, documents=(DOCUMENT.id,)), SEEN)
    store.vote(WORDS)
    return store


def said(store: Store) -> tuple[str, tuple[str, ...], str, str]:
    (kept,) = store.feedbacks(ACME)
    return kept.verdict, kept.tags, kept.comment, kept.correction


def test_a_deleted_document_takes_the_words_and_leaves_the_vote(voted: Store) -> None:
    removed = voted.erase_document("acme", "docs", DOCUMENT.id, DOCUMENT.uri)
    assert (removed["store.traces"], removed["store.feedback"]) == (1, 1)
    assert said(voted) == ("down", (), "", "")


def test_words_that_come_after_the_deletion_are_not_kept(voted: Store) -> None:
    voted.erase_document("acme", "docs", DOCUMENT.id, DOCUMENT.uri)
    voted.vote(replace(WORDS, verdict="up"))
    assert said(voted) == ("up", (), "", "")


def test_a_deleted_corpus_takes_the_words(voted: Store) -> None:
    removed, _ = voted.retire("acme", "docs")
    assert removed["store.feedback"] == 1
    assert said(voted) == ("down", (), "", "")


def test_a_deleted_tenant_takes_its_votes_and_observations_and_no_others(voted: Store) -> None:
    other = Caller("other")
    theirs = Observation("t9", "other", NOW, "rag@1", "answered")
    voted.add_trace(replace(TRACE, id="t9", tenant="other"), theirs)
    voted.vote(Vote("t9", "other", "bob", "up", comment="stays"))
    removed, _ = voted.retire("acme")
    assert (removed["store.feedback"], removed["store.observations"]) == (1, 1)
    assert voted.feedbacks(ACME) == []
    assert voted.observations(since=NOW) == [theirs]
    assert [one.comment for one in voted.feedbacks(other)] == ["stays"]
    with pytest.raises(NotFoundError):
        voted.vote(WORDS)
