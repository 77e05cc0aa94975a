from collections import Counter

import pytest

from server.admission.fair_queue import FairQueue


def drained(queue: FairQueue[str], count: int) -> list[str]:
    return [queue.pop() for _ in range(count)]


def test_one_tenant_is_served_in_the_order_of_coming() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(5):
        queue.push("a", 900, f"a{number}")
    assert drained(queue, 5) == ["a0", "a1", "a2", "a3", "a4"]
    with pytest.raises(LookupError):
        queue.pop()


def test_a_tenant_with_many_questions_does_not_hold_up_one_with_few() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(100):
        queue.push("loud", 2_000, "loud")
    for _ in range(5):
        queue.push("quiet", 2_000, "quiet")
    assert Counter(drained(queue, 10)) == {"loud": 5, "quiet": 5}


def test_shares_are_counted_in_tokens_and_not_in_questions() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(100):
        queue.push("long", 4_000, "long")
        queue.push("short", 500, "short")
    taken = Counter(drained(queue, 90))
    assert 6 <= taken["short"] / taken["long"] <= 10


def test_a_tenant_of_twice_the_weight_gets_twice_as_much() -> None:
    queue: FairQueue[str] = FairQueue(lambda tenant: 2.0 if tenant == "big" else 1.0)
    for _ in range(100):
        queue.push("big", 1_024, "big")
        queue.push("small", 1_024, "small")
    taken = Counter(drained(queue, 60))
    assert taken == {"big": 40, "small": 20}


def test_a_question_larger_than_a_round_comes_all_the_same() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.push("a", 1_000_000, "huge")
    assert queue.pop() == "huge"


def test_one_that_leaves_is_not_served_and_leaving_twice_is_no_fault() -> None:
    queue: FairQueue[str] = FairQueue()
    first, second = "first", "second"
    queue.push("a", 1, first)
    queue.push("a", 1, second)
    queue.remove("a", first)
    queue.remove("a", first)
    queue.remove("b", first)
    assert len(queue) == queue.waiting("a") == 1
    assert queue.pop() == second


def test_the_longest_line_and_its_newest_are_known() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.push("a", 1, "a0")
    queue.push("b", 1, "b0")
    queue.push("b", 1, "b1")
    assert queue.longest() == ("b", "b1")
