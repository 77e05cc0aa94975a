"""The learning rate rises in a line and falls as a cosine."""

import pytest

from finetune.training.schedule import learning_rate


def test_it_rises_to_the_highest_and_falls_to_nothing() -> None:
    rates = [learning_rate(step, 100, 0.1, 2.0) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert rates[10] == max(rates) == 2.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(1.0)
    assert 0 < rates[-1] < 0.001


def test_one_step_without_warm_up_has_the_highest() -> None:
    assert learning_rate(0, 1, 0.0, 3.0) == 3.0
