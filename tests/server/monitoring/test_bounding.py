"""However many names there are, few of them are labels, and they are those that come most often."""

import random

from server.monitoring.bounding import OTHER, Largest


def test_the_first_names_have_labels_and_the_rest_is_other() -> None:
    largest = Largest(2)
    assert [largest.label(name) for name in ("a", "b", "c", "a")] == ["a", "b", OTHER, "a"]
    assert (largest.known("b"), largest.known("c")) == ("b", OTHER)


def test_a_name_that_comes_often_takes_the_place_of_a_rare_one_which_is_told() -> None:
    dropped: list[str] = []
    largest = Largest(2, dropped.append)
    for name in ("a", "b", "a"):
        largest.label(name)
    seen = [largest.label("c") for _ in range(3)]
    assert seen == [OTHER, OTHER, "c"]
    assert dropped == ["b"]
    assert largest.label("b") == OTHER


def test_names_of_like_size_do_not_take_turns() -> None:
    dropped: list[str] = []
    largest = Largest(2, dropped.append)
    for _ in range(500):
        for name in ("a", "b", "c"):
            largest.label(name)
    assert dropped == []


def test_the_large_ones_are_found_among_a_hundred_thousand() -> None:
    largest, rng = Largest(5), random.Random(7)
    names = [f"small-{number}" for number in range(100_000)] + [f"big-{n}" for n in range(5)] * 8_000
    rng.shuffle(names)
    for name in names:
        largest.label(name)
    assert {name for name in (f"big-{n}" for n in range(5)) if largest.known(name) == name} == {
        f"big-{n}" for n in range(5)
    }
    assert len(largest._counts) <= 40


def test_without_room_everything_is_other() -> None:
    largest = Largest(0)
    assert {largest.label(name) for name in ("a", "b", "a")} == {OTHER}
