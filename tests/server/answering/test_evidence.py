"""Evidence is a probability of question and passages alone."""

import json
import time
from dataclasses import replace
from math import log
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passages import passage

from server.answering.evidence import evidence_of
from server.answering.evidence_features import features, with_rarities, words_of
from server.calibration import (
    FEATURES,
    Calibration,
    Explained,
    bundled_calibration,
    mismatch,
    read_calibration,
    write_calibration,
)
from server.word_counts import counted
from tandem.embedding import load_embedder
from tandem.errors import SettingsError
from tandem.index import Fusion, Leg
from tandem.retrieval_profile import Reranking, retrieval_profile
from tandem.rewriting import Rewriting
from tandem.settings import EmbeddingSettings, Settings
from tandem.vocabulary import LegHit

QUESTION = "How long is the incubation period of SARS-CoV-2?"
ANSWER = "The incubation period of SARS-CoV-2 is 5.2 days. It can be as long as 14 days."
TOPIC = "SARS-CoV-2 spreads by droplets. Masks and distance keep people from being infected."
OTHER = "The pump was built in Graz. Its filter must be cleaned every Monday."
OWN = bundled_calibration()


def named(question: str, *texts: str) -> dict[str, float]:
    found = [passage(text, ordinal=n, start=500 * n) for n, text in enumerate(texts)]
    return dict(zip(FEATURES, features(question, found), strict=True))


def test_an_answer_is_more_than_a_topic_and_a_topic_more_than_nothing() -> None:
    answer, topic, other = (evidence_of(QUESTION, [passage(t)] * 4, OWN) for t in (ANSWER, TOPIC, OTHER))
    assert answer > topic > other
    assert answer > 0.5 > other


def test_no_passages_are_no_evidence() -> None:
    assert evidence_of(QUESTION, [], OWN) == 0.0


@settings(deadline=None)
@given(
    st.text(max_size=300),
    st.lists(st.tuples(st.text(max_size=500), st.floats(-1, 1)), min_size=1, max_size=6),
)
def test_evidence_is_a_probability_whatever_is_asked_and_found(question: str, found: list) -> None:
    passages = [passage(text, ordinal=n, similarity=near) for n, (text, near) in enumerate(found)]
    assert len(features(question, passages)) == len(FEATURES)
    assert 0 < evidence_of(question, passages, OWN) < 1


def test_names_and_figures_that_no_passage_has_are_missed() -> None:
    assert named(QUESTION, ANSWER, OTHER)["named_missing"] == 0
    assert named(QUESTION, OTHER)["named_missing"] == 1
    assert named("Who built it in Graz in 1970?", OTHER)["named_missing"] == 0.5
    assert (
        named("Filters are cleaned when?", OTHER)["named_missing"] == 0
    )  # the first word is no name for its capital


def test_a_question_for_a_figure_wants_one_where_its_words_stand() -> None:
    assert named(QUESTION, ANSWER)["figure_missing"] == 0
    assert named(QUESTION, "The incubation period of the virus is long.", OTHER)["figure_missing"] == 1
    assert named("Who built the pump?", OTHER)["figure_missing"] == 0


def test_words_that_stand_together_count_more_than_words_apart() -> None:
    apart = (
        "The period was long. Nobody came. It rained.\nAn incubation is warm. Eggs. SARS-CoV-2 came later."
    )
    close = named(QUESTION, ANSWER)
    assert close["covered_together"] > named(QUESTION, apart)["covered_together"]
    assert close["pairs_found"] > named(QUESTION, apart)["pairs_found"] == 0


def test_passages_of_one_document_agree_up_to_half() -> None:
    assert named(QUESTION, ANSWER, TOPIC, OTHER)["same_document"] == 0.5


def test_the_same_text_under_another_title_is_another_passage() -> None:
    near, far = passage(ANSWER), passage(ANSWER)
    near = replace(near, chunk=replace(near.chunk, title="Incubation period of SARS-CoV-2"))
    far = replace(far, chunk=replace(far.chunk, title="Minutes"))
    titled = FEATURES.index("titled")
    found = [features(QUESTION, [one])[titled] for one in (near, far, near)]
    assert found[0] == found[2] > found[1] == 0


def test_it_takes_less_than_a_millisecond() -> None:
    found = [passage(f"{ANSWER} {TOPIC} {OTHER} " * 3, ordinal=n) for n in range(4)]
    spent = []
    for _ in range(30):
        begun = time.perf_counter()
        evidence_of(QUESTION, found, OWN)
        spent.append(time.perf_counter() - begun)
    assert min(spent) < 0.001  # the least: the machine may be busy with something else


def test_a_calibration_is_written_and_read_and_known_by_what_decides(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    other = OWN.model_copy(update={"bias": OWN.bias + 1})
    write_calibration(other, file)
    assert read_calibration(file) == other
    assert read_calibration(None) == OWN
    assert other.digest != OWN.digest == OWN.model_copy(update={"fitted_on": "something else"}).digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": ["top_cosine"]}, "other features"),
        ({"weights": [1.0]}, "a weight for each feature"),
        ({"scale": [0.0] * len(FEATURES)}, "above zero"),
        ({"bias": "much"}, "bias"),
        ({"weights": [1.0] * len(FEATURES)}, "what scored the passages"),
        ({"weights": [1.0] * len(FEATURES), "scored_by": "light"}, "in how many texts"),
        ({"words": {"texts": 0, "counts": {}}}, "words.texts"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_file_that_is_no_calibration_is_a_settings_error(
    tmp_path: Path, change: dict, message: str
) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps(json.loads(OWN.model_dump_json()) | change))
    with pytest.raises(SettingsError, match=message) as raised:
        read_calibration(file)
    assert raised.value.param == "answer.calibration"


def test_a_file_that_is_not_there_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_calibration(tmp_path / "none.json")


def test_a_calibration_says_that_it_is_of_another_embedder() -> None:
    embedder = load_embedder(EmbeddingSettings())
    assert mismatch(OWN, embedder.fingerprint, "light", "any") is None
    embedder.close()
    assert "tandem calibrate" in (mismatch(OWN, "another", "light", "any") or "")


def test_a_calibration_to_scores_serves_only_where_passages_are_scored_alike() -> None:
    light = OWN.model_copy(update={"scored_by": "light"})
    assert light.where_scored_by("light") is light
    assert light.where_scored_by("hybrid dbsf 1:3") is OWN
    assert OWN.where_scored_by("light") is OWN
    assert mismatch(light, light.embedder, "light", "any") is None
    assert "'light' scored" in (mismatch(light, light.embedder, "hybrid dbsf 1:3", "any") or "")


def test_a_calibration_by_a_model_serves_without_it_where_the_engine_has_another() -> None:
    told = weighing("explained", 3.0, model="small")
    assert mismatch(told, told.embedder, "light", "small") is None
    assert "'small' says" in (mismatch(told, told.embedder, "light", "large") or "")
    found = [passage(ANSWER), passage(TOPIC)]
    assert evidence_of(QUESTION, found, told) == pytest.approx(evidence_of(QUESTION, found, OWN))
    surprised, explained = (
        evidence_of(QUESTION, found, told, said) for said in (Explained(-0.2, 0.0), Explained(0.6, 0.0))
    )
    assert surprised < evidence_of(QUESTION, found, told) < explained
    with pytest.raises(ValueError, match="does not say which model"):
        Calibration(**(told.model_dump() | {"model": ""}))


def weighing(feature: str, weight: float, **more: str) -> Calibration:
    weights = tuple(weight if name == feature else w for name, w in zip(FEATURES, OWN.weights, strict=True))
    return OWN.model_copy(update={"weights": weights, **more})


def test_a_question_whose_reranker_was_late_is_judged_without_its_scores() -> None:
    weights = tuple(
        5.0 if name == "score" else weight for name, weight in zip(FEATURES, OWN.weights, strict=True)
    )
    light = OWN.model_copy(update={"scored_by": "light", "weights": weights})
    found = [
        replace(passage(ANSWER), score=40.0, scored_by=name) for name in ("light", "hybrid dbsf 1:3 of 50")
    ]
    reranked, late = (evidence_of(QUESTION, [one], light) for one in found)
    assert late == evidence_of(QUESTION, found[:1], OWN)
    assert reranked > late


def test_the_best_score_and_its_lead_are_seen() -> None:
    found = [replace(passage(ANSWER, ordinal=n), score=score) for n, score in enumerate((2.0, 5.0, 1.0))]
    values = dict(zip(FEATURES, features(QUESTION, found), strict=True))
    assert (values["score"], values["score_lead"]) == (5.0, 3.5)
    assert dict(zip(FEATURES, features(QUESTION, found[:1]), strict=True))["score_lead"] == 0.0


def test_the_best_bm25_score_is_seen_and_none_is_nought() -> None:
    found = [
        replace(passage(ANSWER, ordinal=n), bm25=hit)
        for n, hit in enumerate((LegHit(2, 7.5), None, LegHit(1, 9.0)))
    ]
    at = FEATURES.index("bm25")
    assert features(QUESTION, found)[at] == 9.0
    assert features(QUESTION, [replace(one, bm25=None) for one in found])[at] == 0.0


def test_how_rare_a_questions_words_are_is_seen_by_the_counts_of_its_corpus() -> None:
    texts = ["the valve leaks"] * 8 + ["the valve and the pump", "pump and hepcidin", "pump, valve", "pump"]
    words = counted(words_of(text) for text in texts)
    assert words.texts == 12
    assert words.counts == {"leak": 8, "pump": 4, "valv": 10}
    found = [passage("The valve leaks at the pump.")]
    seen = dict(zip(FEATURES, features("Which valve has hepcidin?", found, words), strict=True))
    known, unknown = words.weight("valv"), words.weight("hepcidin")
    assert (known, unknown) == (log(1 + 12 / 10), log(1 + 12 / 1.5))
    assert seen["rarity"] == pytest.approx((known + unknown) / 2)
    assert (seen["rarest"], seen["rare_missing"]) == (unknown, unknown)
    all_there = dict(zip(FEATURES, features("Which valve?", found, words), strict=True))
    assert (all_there["rarest"], all_there["rare_missing"]) == (known, 0.0)
    nothing = features("Which valve has hepcidin?", found)
    assert nothing[-3:] == (0.0, 0.0, 0.0)
    assert with_rarities(nothing, "Which valve has hepcidin?", [found[0].chunk.text], words) == tuple(
        seen.values()
    )


def test_a_question_of_no_words_is_of_no_rarity() -> None:
    assert features("Who was it?", [passage(ANSWER)], counted([words_of(ANSWER)]))[-3:] == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"passages": 9}, True),
        ({"excerpt_tokens": 80}, True),
        ({"reranking": Reranking("light")}, False),
        ({"reranking": Reranking("cross_encoder", "a-model")}, False),
        ({"fusion": Fusion("rrf")}, False),
        ({"fusion": Fusion(sparse_weight=1.0)}, False),
        ({"fusion": Fusion(candidates=200)}, False),
        ({"leg": Leg.DENSE}, False),
        ({"rewriting": Rewriting(expand="hyde")}, False),
    ],
)
def test_what_scores_the_passages_is_known_by_a_name(change: dict, same: bool) -> None:
    usual = retrieval_profile(Settings())
    assert (replace(usual, **change).scored_by == usual.scored_by) is same


def test_another_calibration_is_another_recipe(parts) -> None:
    from tandem.recipes import builtin_recipes

    made = parts()
    versions = {
        builtin_recipes(made.settings, made.prompts, None, digest).of_model("tandem:rag").version
        for digest in (OWN.digest, Calibration(**(OWN.model_dump() | {"bias": 0.0})).digest)
    }
    assert len(versions) == 2


def test_a_question_of_one_word_can_be_answered() -> None:
    """`What is Tandem?`: all passages have its word."""
    text = "Tandem answers questions over your own documents."
    found = [passage(text, ordinal=n, similarity=0.8 - n / 10) for n in range(4)]
    assert evidence_of("What is Tandem?", found, OWN) > 0.4
