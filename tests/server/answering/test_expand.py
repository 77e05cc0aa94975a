"""What several searches found becomes one ranking."""

from dataclasses import replace

from passages import passage

from server.answering.expand import fuse


def test_what_more_searches_find_comes_first() -> None:
    a, b, c = (passage(text, start=start) for text, start in (("a", 0), ("b", 10), ("c", 20)))
    fused = fuse([[a, b], [b, c], [c, b]], "hyde, fused by rank")
    assert [each.chunk.text for each in fused] == ["b", "c", "a"]
    assert fused[0].score > fused[1].score > fused[2].score
    assert {each.scored_by for each in fused} == {"hyde, fused by rank"}


def test_one_ranking_stays_as_it_is_and_the_highest_cosine_is_kept() -> None:
    a, b = passage("a", start=0, similarity=0.2), passage("b", start=10)
    assert [each.chunk.text for each in fuse([[a, b]], "")] == ["a", "b"]
    assert fuse([[a], [replace(a, similarity=0.9)]], "")[0].similarity == 0.9
    assert fuse([], "") == []
