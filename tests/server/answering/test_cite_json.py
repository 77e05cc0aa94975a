import json

import pytest
from passages import passage

from server.answering.cite_json import JsonCiter

TEXT = "The pump was built in Graz. Its filter must be cleaned every Monday with lukewarm water."
PASSAGES = [passage(TEXT, start=100), passage("The valve opens at nine bar of pressure.", start=900)]
GRAZ = {
    "built": "The pump was built in Graz",
    "valve": {"opens": ["The valve opens at nine bar"]},
    "sure": True,
}


def cite(value: object, mode: str = "verify") -> tuple[str, JsonCiter]:
    citer = JsonCiter(PASSAGES, mode=mode, support=0.5)
    text = value if isinstance(value, str) else json.dumps(value)
    return citer.feed(text[:9]) + citer.feed(text[9:]) + citer.finish(), citer


def test_the_json_is_unchanged_and_its_claims_are_cited_in_order() -> None:
    text, citer = cite(GRAZ)
    assert json.loads(text) == GRAZ
    assert [(each.n, each.start) for each in citer.citations] == [(1, 100), (2, 900)]
    for citation in citer.citations:
        assert any(
            each.chunk.text[citation.start - each.chunk.start : citation.end - each.chunk.start]
            == citation.quote
            for each in PASSAGES
            if each.chunk.start <= citation.start < each.chunk.end
        )


@pytest.mark.parametrize(
    "claim", ["Mars has two small moons called Phobos", "The valve opens at seven bar of pressure"]
)
def test_json_that_no_passage_supports_is_withheld(claim: str) -> None:
    assert cite({"answer": claim})[0] == ""
    kept, citer = cite({"answer": claim}, "keep")
    assert json.loads(kept) == {"answer": claim}
    assert citer.citations == ()


def test_a_verdict_claims_nothing_and_passes() -> None:
    text, citer = cite({"verdict": "yes", "score": 3})
    assert json.loads(text) == {"verdict": "yes", "score": 3}
    assert citer.citations == ()


@pytest.mark.parametrize("text", ['{"answer": "The pump was bu', "[" * 100_000])
def test_json_that_was_cut_short_passes_uncited(text: str) -> None:
    shown, citer = cite(text)
    assert shown == text
    assert citer.citations == ()
