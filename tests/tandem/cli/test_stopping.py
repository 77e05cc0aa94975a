"""How the grace of a stop is shared out."""

import pytest

from tandem.cli.stopping import answering_s, longest_wait_s
from tandem.settings import ServerSettings


@pytest.mark.parametrize(("grace_s", "for_answers_s"), [(30, 22.5), (12, 9), (100, 92), (0, 0)])
def test_answers_get_most_of_the_grace_and_the_parts_the_rest(grace_s: float, for_answers_s: float) -> None:
    assert answering_s(grace_s) == for_answers_s


@pytest.mark.parametrize("grace_s", [4, 12, 30, 300])
def test_what_is_cut_has_time_to_say_so_before_it_is_cancelled_within_the_grace(grace_s: float) -> None:
    settings = ServerSettings(shutdown_grace_s=grace_s)
    cancelled_after_s = settings.drain_s + longest_wait_s(settings)
    assert answering_s(grace_s) < cancelled_after_s <= grace_s + 0.5
