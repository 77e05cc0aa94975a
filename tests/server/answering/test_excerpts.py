"""Passages cut to the sentences that most likely hold the answer."""

import json
from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passages import passage

from server.answering.assemble import assemble
from server.answering.excerpts import excerpts
from server.answering.sentence_features import FEATURES, features, sentences_of
from server.answering.sentence_ranker import ranked_sentences
from server.answering.types import Question
from tandem.vocabulary import Caller, Passage

PUMP = (
    "The pump was built in Graz by a small firm. Its housing is painted green. The filter of the pump is cleaned "
    "every second Monday. The smith has the key. Spare parts lie in the cellar."
)
GATE = "The gate opens at nine. Visitors ring twice. The porter writes each name into the book of visitors."
ASKED = "When is the filter of the pump cleaned?"
words = st.sampled_from(["pump", "filter", "cleaned", "Monday", "12.5", "is the", "gate", "né", "\n", "  "])
texts = st.lists(st.lists(words, min_size=1, max_size=9).map(" ".join), min_size=0, max_size=8).map(". ".join)


def two() -> list[Passage]:
    return [passage(GATE), passage(PUMP, ordinal=1, start=len(GATE) + 1)]


def test_the_likeliest_sentence_stands_first_and_alone_where_no_more_fits(tokens) -> None:
    first, *_ = excerpts(ASKED, two(), 1, tokens)
    assert first.chunk.text == "The filter of the pump is cleaned every second Monday."


def test_neighbours_come_along_as_long_as_they_fit(tokens) -> None:
    sentence = excerpts(ASKED, two(), 1, tokens)[0].chunk.text
    wider = excerpts(ASKED, two(), 30, tokens)[0].chunk
    assert sentence in wider.text
    assert len(wider.text) > len(sentence)
    assert tokens.count(wider.text) <= 30
    whole = excerpts(ASKED, two(), 1_000, tokens)[0].chunk
    assert whole.text == PUMP


def test_a_passage_whose_best_sentence_is_there_already_is_left_out(tokens) -> None:
    overlapping = passage(PUMP[PUMP.index("The filter") :], ordinal=2, start=PUMP.index("The filter"))
    made = excerpts(ASKED, [passage(PUMP), overlapping], 40, tokens)
    assert len(made) == 1
    other = replace(overlapping, chunk=replace(overlapping.chunk, document_id="another"))
    assert len(excerpts(ASKED, [passage(PUMP), other], 40, tokens)) == 2


def test_nothing_is_made_of_nothing(tokens) -> None:
    assert excerpts(ASKED, [], 40, tokens) == []
    assert excerpts(ASKED, [passage(" \n ")], 40, tokens) == []


@settings(max_examples=150, deadline=None)
@given(bodies=st.lists(texts, max_size=5), question=texts, most=st.integers(1, 60))
def test_an_excerpt_stands_in_its_document_where_it_says(tokens, bodies, question, most) -> None:
    document, found, start = "\n".join(bodies), [], 0
    for ordinal, body in enumerate(bodies):
        found.append(passage(body, ordinal=ordinal, start=start))
        start += len(body) + 1
    made = excerpts(question, found, most, tokens)
    assert len(made) == len([body for body in bodies if body.strip()])
    for one in made:
        chunk = one.chunk
        assert document[chunk.start : chunk.end] == chunk.text == chunk.text.strip() != ""
        sentences = len(sentences_of([one]))
        assert sentences == 1 or tokens.count(tokens.plain(chunk.text)) <= most


@settings(max_examples=100, deadline=None)
@given(bodies=st.lists(texts, max_size=5), question=texts)
def test_the_features_are_finite_numbers_one_row_a_sentence(bodies, question) -> None:
    found = [passage(body, ordinal=n) for n, body in enumerate(bodies)]
    places = sentences_of(found)
    made = features(question, found, places)
    assert made.shape == (len(places), len(FEATURES))
    assert (abs(made) < 100).all()


def test_words_of_the_question_that_every_sentence_has_decide_nothing() -> None:
    text = "The pump is loud. The pump is from Graz. The pump is green."
    scores = {
        text[one.span.start : one.span.end]: score for one, score in ranked(text, "Is the pump from Graz?")
    }
    assert max(scores, key=scores.__getitem__) == "The pump is from Graz."


def test_a_question_for_a_figure_prefers_the_sentence_that_states_one() -> None:
    text = "The tank holds water and oil. The tank holds 40 litres of water. Water of the tank is clean."
    best = max(ranked(text, "How much water does the tank hold?"), key=lambda one: one[1])[0]
    assert "40 litres" in text[best.span.start : best.span.end]


def ranked(text: str, question: str):
    return ranked_sentences(question, [passage(text)])


def test_the_weights_that_are_brought_along_are_of_these_features() -> None:
    record = json.loads(files("server.answering").joinpath("sentence_ranker.json").read_text())
    assert tuple(record["weights"]) == FEATURES


@pytest.mark.parametrize(
    ("search", "kept"), [(None, "Visitors ring twice."), (ASKED, "every second Monday.")]
)
def test_a_prompt_holds_excerpts_of_what_was_searched_for(parts, search, kept) -> None:
    made = parts(excerpt_tokens=12)
    asked = Question(Caller(), "tandem", "How often do visitors ring?")
    recipe = made.recipes.of_model("tandem:rag")
    done = assemble(asked, recipe, [passage(f"{PUMP} {GATE}")], 64, made, search=search)
    (excerpt,) = done.passages
    assert kept in excerpt.chunk.text
    assert excerpt.chunk.text in done.messages[-1]["content"]
    assert "small firm" not in done.messages[-1]["content"]


def test_a_recipe_that_keeps_passages_whole_has_the_version_that_it_had(parts) -> None:
    version = {n: parts(excerpt_tokens=n).recipes.of_model("tandem:rag").version for n in (0, 80)}
    assert version[0] == parts().recipes.of_model("tandem:rag").version != version[80]
