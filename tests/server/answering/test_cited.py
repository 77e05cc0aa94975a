"""How much of an answer stands on its passages: of what the model wrote, not of what was left of it."""

import json

import pytest
from passages import passage

from server.answering.cite import Citer
from server.answering.cite_json import JsonCiter

TEXT = "The gate closes at seven in the evening. The warden keeps the key of the depot."
SAID = "The gate closes at seven in the evening."
RAMBLED = "Bananas dream of purple thunder near the moon."


def cited(text: str, mode: str = "verify") -> float | None:
    citer = Citer([passage(TEXT)], mode=mode, support=0.6)  # type: ignore[arg-type]
    citer.feed(text)
    citer.finish()
    return citer.cited


@pytest.mark.parametrize("mode", ["verify", "keep"])
def test_sentences_that_no_passage_carries_count_as_without_a_mark_whether_or_not_they_are_shown(
    mode: str,
) -> None:
    assert cited(SAID, mode) == 1.0
    assert cited(f"{SAID} {RAMBLED}", mode) == 0.5
    assert cited(RAMBLED, mode) == 0.0


def test_what_claims_nothing_is_not_counted() -> None:
    assert cited("") is None
    assert cited("I don't know.") is None
    assert cited(f"Yes. {SAID} Do you want to know more of it?") == 1.0


def test_the_values_of_a_json_answer_are_counted() -> None:
    citer = JsonCiter([passage(TEXT)], mode="verify", support=0.6)
    citer.feed(json.dumps({"when": SAID, "why": RAMBLED, "n": 3, "short": "yes"}))
    citer.finish()
    assert citer.cited == 0.5
    empty = JsonCiter([passage(TEXT)], mode="verify", support=0.6)
    empty.feed('{"n": 3}')
    empty.finish()
    assert empty.cited is None
