"""Two rankings become one, by the formulas that the docstring names, computed here by hand."""

import statistics
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from index_chunks import TEXTS, VECTORS

from tandem.index import Fusion, Index, Leg, Query
from tandem.index.fusion import fuse
from tandem.vocabulary import LegHit, Scope

METHODS = ("rrf", "weighted", "dbsf")
DENSE = [("a", 0.9), ("b", 0.5), ("c", 0.1)]
WORDS = [("c", 8.0), ("d", 2.0)]


def test_reciprocal_ranks_are_weighed_as_qdrant_weighs_them() -> None:
    found = dict(fuse(DENSE, WORDS, Fusion("rrf", 1.0, 3.0, rrf_k=2)))
    assert found == pytest.approx(
        {"a": 1 / 2, "b": 1 / 3, "c": 1 / 4 + 1 / (1 + 1 / 3), "d": 1 / (1 + 2 / 3)}
    )


def test_weighted_fusion_moves_each_leg_to_its_own_range() -> None:
    found = dict(fuse(DENSE, WORDS, Fusion("weighted", 2.0, 3.0)))
    assert found == pytest.approx({"a": 2.0, "b": 1.0, "c": 3.0, "d": 0.0})


def test_distribution_based_fusion_measures_in_standard_deviations() -> None:
    found = dict(fuse(DENSE, WORDS, Fusion("dbsf", 1.0, 2.0)))
    near, words = statistics.stdev([0.9, 0.5, 0.1]), statistics.stdev([8.0, 2.0])
    wanted = {
        "a": 0.5 + 0.4 / (6 * near),
        "b": 0.5,
        "c": 0.5 - 0.4 / (6 * near) + 2 * (0.5 + 3 / (6 * words)),
        "d": 2 * (0.5 - 3 / (6 * words)),
    }
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize("method", METHODS)
def test_one_hit_and_equal_scores_are_no_fault(method: str) -> None:
    fusion = Fusion(method)  # type: ignore[arg-type]
    assert [chunk for chunk, _ in fuse([("a", 0.4)], [], fusion)] == ["a"]
    assert [chunk for chunk, _ in fuse([], [("b", 2.0), ("a", 2.0)], replace(fusion, rrf_k=1))]
    assert fuse([], [], fusion) == []


@given(
    st.sampled_from(METHODS),
    st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-1, 1)),
    st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 40)),
)
def test_what_is_better_in_both_legs_is_never_below(
    method: str, dense: dict[str, float], words: dict[str, float]
) -> None:
    legs = [sorted(leg.items(), key=lambda hit: -hit[1]) for leg in (dense, words)]
    fused = fuse(legs[0], legs[1], Fusion(method))  # type: ignore[arg-type]
    assert {chunk for chunk, _ in fused} == dense.keys() | words.keys()
    scores = dict(fused)
    both = dense.keys() & words.keys()
    for one in both:
        for other in both:
            if dense[one] > dense[other] and words[one] > words[other]:
                assert scores[one] >= scores[other]


@pytest.mark.parametrize("method", METHODS)
async def test_both_engines_fuse_alike_and_keep_what_each_leg_said(index: Index, method: str) -> None:
    fusion = Fusion(method)  # type: ignore[arg-type]
    scope = Scope("acme", ("docs",))
    found = await index.search(scope, Query("Zorbium", VECTORS[1], 4, fusion=fusion))
    dense = await index.search(scope, Query("Zorbium", VECTORS[1], 4, Leg.DENSE))
    words = await index.search(scope, Query("Zorbium", VECTORS[1], 4, Leg.BM25))
    assert {p.chunk.text: p.bm25 for p in found if p.bm25} == {
        TEXTS[2]: LegHit(1, pytest.approx(words[0].score))
    }
    first = next(p for p in found if p.chunk.text == TEXTS[1])
    assert first.dense == LegHit(1, pytest.approx(dense[0].score))
    expected = fuse(
        [
            (p.chunk.id, p.dense.score)
            for p in sorted(found, key=lambda p: p.dense.rank if p.dense else 9)
            if p.dense
        ],
        [(p.chunk.id, p.bm25.score) for p in found if p.bm25],
        fusion,
    )
    assert [(p.chunk.id, p.score) for p in found] == expected
    named = "k=1" if method == "rrf" else "of 50"
    assert {p.scored_by for p in found} == {f"hybrid {method} 1:3 {named}"}
    assert ({p.scored_by for p in dense}, {p.scored_by for p in words}) == ({"dense"}, {"bm25"})


def test_the_fusion_is_part_of_the_recipes_version() -> None:
    from tandem.prompts import PromptLibrary
    from tandem.recipes import builtin_recipes
    from tandem.settings import RetrievalSettings, Settings

    versions = {
        builtin_recipes(Settings(retrieval=RetrievalSettings(**change)), PromptLibrary()).of_model("tandem").version
        for change in ({}, {"fusion": "rrf"}, {"rrf_k": 2}, {"dense_weight": 2}, {"sparse_weight": 2}, {"candidates": 9})
    }  # fmt: skip
    assert len(versions) == 6
