import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.answering.figures import figures


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("every fourteen days", {"14"}),
        ("every 14 days", {"14"}),
        ("1,000 litres at 2.5 bar", {"1000", "2.5"}),
        ("from 9:30 on 2026/11/24", {"9:30", "2026/11/24"}),
        ("twenty-one, twice", {"20", "2"}),
        ("COVID-19 and H1N1", {"19", "1"}),
        ("the one that somebody has", set()),
        ("Weight: 12.", {"12"}),
    ],
)
def test_digits_and_words_are_figures_in_one_spelling(text: str, found: set[str]) -> None:
    assert figures(text) == found


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_longer_text_loses_no_figure(first: str, second: str) -> None:
    assert figures(first) | figures(second) == figures(f"{first} \n {second}")
