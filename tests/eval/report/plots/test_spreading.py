from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from eval.report.plots.spreading import spread_out


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_labels_keep_their_order_their_distance_and_their_room(places: list[float]) -> None:
    moved = spread_out(places, 10, 0, 100)
    order = sorted(range(len(places)), key=lambda n: (places[n], n))
    inside = [moved[n] for n in order]
    assert all(later - one >= 10 - 1e-9 for one, later in pairwise(inside))
    assert min(moved) >= -1e-9
    assert max(moved) <= 100 + 1e-9


def test_labels_that_are_apart_stay_where_they_are() -> None:
    assert spread_out([50, 10, 80], 10, 0, 100) == [50, 10, 80]


def test_labels_that_touch_are_set_around_their_middle() -> None:
    assert spread_out([50, 50, 50], 10, 0, 100) == [40, 50, 60]
