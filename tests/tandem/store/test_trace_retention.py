"""Traces go by age and by sampling, in batches; votes outlive them without their words. On both databases."""

from dataclasses import replace
from datetime import timedelta

from votes import ACME, NOW, SEEN, TRACE, VOTE, answered

from tandem.store import Store, TraceWish, Vote

LATER = NOW + timedelta(hours=1)


def ids(store: Store) -> list[str]:
    return [one.id for one in store.trace_page(ACME, TraceWish(), oldest_first=True)]


def test_old_traces_go_batch_by_batch_the_oldest_first(store: Store) -> None:
    for number in range(5):
        store.add_trace(replace(TRACE, id=f"t{number}", created_at=NOW + timedelta(minutes=number)))
    before = NOW + timedelta(minutes=4)
    assert [store.forget_traces(before, 3) for _ in range(3)] == [3, 1, 0]
    assert ids(store) == ["t4"]


def test_a_trace_takes_the_words_of_feedback_and_leaves_vote_and_observation(store: Store) -> None:
    answered(store)
    store.vote(replace(VOTE, comment="good", tags=("a",), correction="b"))
    assert store.forget_traces(LATER, 10) == 1
    (kept,) = store.feedbacks(ACME)
    assert (kept.verdict, kept.comment, kept.tags, kept.correction) == ("up", "", (), "")
    assert store.observations(since=NOW) == [SEEN]
    assert store.feedback_score() == (1, 0)


def test_sampling_takes_what_it_has_left_out_and_nobody_voted_on(store: Store) -> None:
    for number, sampled in enumerate((None, True, False, False, False)):
        store.add_trace(replace(TRACE, id=f"t{number}", sampled=sampled))
    store.vote(Vote("t3", "acme", "ann", "up"))
    store.vote(Vote("t4", "acme", "ann", "down"))
    assert store.drop_unsampled(NOW, 10, voted=True, voted_down=True) == 0
    assert store.drop_unsampled(LATER, 10, voted=True, voted_down=False) == 1
    assert ids(store) == ["t0", "t1", "t3", "t4"]
    assert store.drop_unsampled(LATER, 10, voted=False, voted_down=True) == 1
    assert ids(store) == ["t0", "t1", "t4"]
    assert store.drop_unsampled(LATER, 10, voted=False, voted_down=False) == 1
    assert ids(store) == ["t0", "t1"]


def test_votes_and_observations_go_by_an_age_of_their_own(store: Store) -> None:
    for number in range(3):
        answered(store, f"t{number}", at=NOW + timedelta(minutes=number))
        vote = store.vote(Vote(f"t{number}", "acme", "ann", "up"))
    assert store.forget_feedback(vote.at, 1) == 1
    assert store.forget_feedback(vote.at, 9) == 1
    assert [one.trace_id for one in store.feedbacks(ACME)] == ["t2"]
    assert [store.forget_observations(LATER, 2), store.forget_observations(LATER)] == [2, 1]
