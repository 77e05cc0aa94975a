"""The list of guards is true: each stands where it is said to, once, and its tests are there."""

import re
from pathlib import Path

import pytest

from isolation.guards import GUARDS, Guard

ROOT = Path(__file__).parent.parent.parent
LEAST = 21


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_stands_where_it_is_said_to(guard: Guard) -> None:
    text = (ROOT / guard.file).read_text()
    assert text.count(guard.text) == 1, f"mend tests/isolation/guards.py, or the guard in {guard.file}"
    assert guard.without != guard.text
    assert guard.tests
    for one in guard.tests:
        file, _, name = one.partition("::")
        source = (ROOT / file).read_text()
        assert not name or re.search(rf"def {name}\(", source), one


def test_there_are_as_many_as_were_promised() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS) >= LEAST
