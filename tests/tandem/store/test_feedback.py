"""Feedback is one vote a user, of its tenant only, and what is learnt from it was accepted, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from sqlalchemy import insert
from votes import ACME, SEEN, STRANGER, TRACE, VOTE, answered

from tandem.errors import NotFoundError
from tandem.store import ArmFeedback, Store, Vote, VotedAnswer
from tandem.store.feedback_schema import feedback


def test_a_vote_comes_back_as_it_was_given(store: Store) -> None:
    answered(store)
    said = replace(VOTE, rating=4, tags=("wrong page",), comment="Nearly", correction="At eight.")
    kept = store.vote(said)
    assert (kept.recipe, kept.state, kept.tags) == ("rag@1", "new", ("wrong page",))
    assert (kept.rating, kept.comment, kept.correction) == (4, "Nearly", "At eight.")
    assert store.feedback(ACME, kept.id) == kept
    assert store.feedbacks(ACME) == [kept]


def test_the_newest_vote_of_a_user_replaces_the_one_before_and_is_new_again(store: Store) -> None:
    answered(store)
    first = store.vote(replace(VOTE, comment="good"))
    store.review_feedback(ACME, first.id, "accepted")
    second = store.vote(replace(VOTE, verdict="down"))
    assert (second.id, second.created_at) == (first.id, first.created_at)
    assert (second.verdict, second.comment, second.state, second.reviewer) == ("down", "", "new", None)
    assert store.feedbacks(ACME) == [second]


def test_votes_of_one_user_at_once_are_one(store: Store) -> None:
    answered(store)
    votes = [Thread(target=store.vote, args=(replace(VOTE, comment=str(n)),)) for n in range(8)]
    for one in votes:
        one.start()
    for one in votes:
        one.join()
    assert len(store.feedbacks(ACME)) == 1


@pytest.mark.parametrize("vote", [replace(VOTE, tenant="other"), replace(VOTE, trace_id="t2")])
def test_a_trace_of_another_tenant_is_as_absent_as_one_that_never_was(store: Store, vote: Vote) -> None:
    answered(store)
    with pytest.raises(NotFoundError, match=f"There is no trace '{vote.trace_id}'"):
        store.vote(vote)
    assert store.feedbacks(ACME) == store.feedbacks(STRANGER) == []


def test_another_tenant_neither_sees_nor_reviews_feedback(store: Store) -> None:
    answered(store)
    kept = store.vote(VOTE)
    for act in (
        lambda: store.feedback(STRANGER, kept.id),
        lambda: store.review_feedback(STRANGER, kept.id, "accepted"),
    ):
        with pytest.raises(NotFoundError):
            act()
    assert store.feedback(ACME, kept.id) == kept


def test_a_vote_on_an_answer_whose_trace_was_not_kept_has_no_words(store: Store) -> None:
    store.add_observation(SEEN)
    kept = store.vote(replace(VOTE, comment="good", tags=("a",), correction="b"))
    assert (kept.verdict, kept.comment, kept.tags, kept.correction) == ("up", "", (), "")


def test_a_review_is_in_the_audit_log(store: Store) -> None:
    answered(store)
    kept = store.vote(VOTE)
    reviewed = store.review_feedback(ACME, kept.id, "accepted")
    assert (reviewed.state, reviewed.reviewer) == ("accepted", "key:1")
    (entry,) = store.audit_entries("acme")
    assert (entry.action, entry.object, entry.subject) == ("feedback.accepted", kept.id, "key:1")


def test_nothing_is_learnt_from_what_was_not_accepted(store: Store) -> None:
    answered(store)
    kept = store.vote(VOTE)
    assert store.accepted_feedback(ACME) == []
    store.review_feedback(ACME, kept.id, "accepted")
    question, answer = TRACE.question, TRACE.answer
    assert store.accepted_feedback(ACME) == [VotedAnswer(kept.id, question, answer, ("d1",), "up", False)]
    assert store.accepted_feedback(STRANGER) == []
    store.review_feedback(ACME, kept.id, "rejected")
    assert store.accepted_feedback(ACME) == []


def test_an_answer_voted_down_teaches_by_its_correction_alone(store: Store) -> None:
    answered(store)
    for voter, correction in (("ann", ""), ("bob", "At eight.")):
        kept = store.vote(Vote("t1", "acme", voter, "down", correction=correction))
        store.review_feedback(ACME, kept.id, "accepted")
    (taught,) = store.accepted_feedback(ACME)
    assert (taught.answer, taught.corrected, taught.verdict) == ("At eight.", True, "down")


def test_a_list_is_narrowed_and_goes_on_where_it_ended(store: Store) -> None:
    for number in range(5):
        answered(store, f"t{number}")
        store.vote(Vote(f"t{number}", "acme", "ann", "up" if number % 2 else "down"))
    whole = store.feedbacks(ACME)
    assert [one.trace_id for one in whole] == ["t4", "t3", "t2", "t1", "t0"]
    first = store.feedbacks(ACME, limit=2)
    assert first + store.feedbacks(ACME, before=(first[-1].at, first[-1].id)) == whole
    assert [one.trace_id for one in store.feedbacks(ACME, verdict="up")] == ["t3", "t1"]
    assert [one.trace_id for one in store.feedbacks(ACME, trace_ids=["t2", "x"])] == ["t2"]
    assert store.feedbacks(ACME, state="accepted") == []


def test_many_votes_of_one_user_count_once_and_by_the_newest(store: Store) -> None:
    for number in range(6):
        answered(store, f"t{number}")
        store.vote(Vote(f"t{number}", "acme", "ann", "up"))
    assert store.feedback_score(recipe="rag@1") == (1, 0)
    store.vote(Vote("t0", "acme", "ann", "down"))
    store.vote(Vote("t1", "acme", "bob", "up"))
    assert store.feedback_score(recipe="rag") == (1, 1)
    assert store.feedback_score(recipe="rag@2") == (0, 0)
    assert store.feedback_score(tenant="other") == (0, 0)
    assert store.feedback_score(since=datetime.now(UTC) + timedelta(minutes=1)) == (0, 0)


def test_what_was_rejected_is_not_counted(store: Store) -> None:
    answered(store)
    kept = store.vote(replace(VOTE, verdict="down"))
    store.review_feedback(ACME, kept.id, "rejected")
    assert store.feedback_score() == (0, 0)


def test_the_arms_of_an_experiment_have_their_users_newest_votes(store: Store) -> None:
    for number, arm in enumerate(("a", "a", "b", None)):
        answered(store, f"t{number}", experiment="x" if arm else None, arm=arm, unit=f"unit-{number}")
    answered(store, "hidden", experiment="x", arm="b", unit="u", shadow=True)
    first = store.vote(Vote("t0", "acme", "ann", "down"))
    second = store.vote(Vote("t1", "acme", "ann", "up"))
    other = store.vote(Vote("t2", "acme", "bob", "down"))
    for trace, voter, verdict in (("t1", "cy", "neither"), ("t3", "bob", "up"), ("hidden", "bob", "up")):
        store.vote(Vote(trace, "acme", voter, verdict))  # type: ignore[arg-type]
    assert store.feedback_of_experiment("x") == [
        ArmFeedback("a", "unit-1", 1.0, second.at),
        ArmFeedback("b", "unit-2", 0.0, other.at),
    ]
    assert store.feedback_of_experiment("x", since=other.at) == [ArmFeedback("b", "unit-2", 0.0, other.at)]
    assert first.at < second.at
    assert store.feedback_of_experiment("y") == []


def test_a_vote_that_is_taken_back_leaves_nothing_and_the_others_as_they_are(store: Store) -> None:
    answered(store)
    answered(store, "t2")
    kept = store.vote(replace(VOTE, verdict="down", comment="late"))
    others = [store.vote(replace(VOTE, voter="bob")), store.vote(replace(VOTE, trace_id="t2"))]
    assert store.withdraw_vote(STRANGER, "t1", "ann") is None
    assert store.withdraw_vote(ACME, "t1", "ann") == kept
    assert store.withdraw_vote(ACME, "t1", "ann") is None
    assert {one.id for one in store.feedbacks(ACME)} == {one.id for one in others}
    assert store.feedback_score(tenant="acme") == (2, 0)
    assert store.audit_entries("acme") == []


def test_the_score_of_a_user_who_takes_the_newest_vote_back_is_that_of_the_one_before(store: Store) -> None:
    answered(store)
    answered(store, "t2")
    store.vote(VOTE)
    store.vote(replace(VOTE, trace_id="t2", verdict="down"))
    assert store.feedback_score(tenant="acme") == (0, 1)
    store.withdraw_vote(ACME, "t2", "ann")
    assert store.feedback_score(tenant="acme") == (1, 0)


def test_that_a_reviewed_vote_is_gone_is_in_the_audit_log(store: Store) -> None:
    answered(store)
    kept = store.vote(VOTE)
    store.review_feedback(ACME, kept.id, "accepted")
    store.withdraw_vote(ACME, "t1", "ann")
    assert store.accepted_feedback(ACME) == []
    said = [(one.action, one.object) for one in store.audit_entries("acme")]
    assert sorted(said) == [("feedback.accepted", kept.id), ("feedback.withdrawn", kept.id)]


def test_a_secret_is_drawn_once_for_all_servers(store: Store) -> None:
    drawn: list[bytes] = []
    several = [Thread(target=lambda: drawn.append(store.shared_secret("feedback"))) for _ in range(6)]
    for one in several:
        one.start()
    for one in several:
        one.join()
    assert len(drawn) == 6 and len(set(drawn)) == 1 and len(drawn[0]) == 32
    assert store.shared_secret("other") != drawn[0]


def test_ten_thousand_votes_of_one_user_move_the_score_by_one(store: Store) -> None:
    answered(store)
    for voter in ("ann", "bob", "cy"):
        store.vote(Vote("t1", "acme", voter, "up"))
    flood = store.vote(Vote("t1", "acme", "mallory", "down"))
    said = {name: getattr(flood, name) for name in ("tenant", "voter", "recipe", "verdict", "state", "at")}
    said |= {"tags": [], "comment": "", "correction": "", "created_at": flood.created_at}
    # As 10,000 answers voted on one by one leave them; each of those takes its own write.
    rows = [{"id": f"f{n}", "trace_id": f"flood-{n}", **said} for n in range(10_000)]
    with store._writing() as connection:
        connection.execute(insert(feedback), rows)
    assert store.feedback_score(recipe="rag") == (3, 1)
    for _ in range(50):
        store.vote(Vote("t1", "acme", "mallory", "down"))
    assert store.feedback_score(recipe="rag") == (3, 1)
    assert len(store.feedbacks(ACME, limit=20_000)) == 10_004
