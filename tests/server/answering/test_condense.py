"""A follow-up is made whole for the search: by joining, or by a model that may fail at will here."""

from types import SimpleNamespace

import pytest
from fake_vllm import FakeVllm, hang_after, refuse, say

from server.admission import Ticket
from server.answering.condense import condense, join, stands_alone
from server.answering.expand import further_texts
from server.answering.types import Question, Turn
from server.salting import Salting
from tandem.engine import EngineClient, EngineState
from tandem.settings import EngineSettings
from tandem.vocabulary import Caller

EARLIER = (Turn("user", "How do I clean the filter?"), Turn("assistant", "With water."))
FOLLOW_UP = "And on Mondays?"
JOINED = f"How do I clean the filter?\n{FOLLOW_UP}"
WHOLE = "How do I clean the filter on Mondays?"


@pytest.fixture
def fake():
    with FakeVllm.serving() as server:
        yield server


@pytest.fixture
async def asked(parts, fake):
    """Services with a fake engine, and the recipe `rag` as the settings of [answer] make it."""
    clients = []

    def made(state: EngineState = EngineState.READY, **answer: object) -> tuple:
        services = parts(**answer)
        engine = EngineSettings(address=fake.address, retries=0)
        clients.append(EngineClient(fake.address, engine))
        more = {
            "client": clients[-1],
            "engine": SimpleNamespace(state=state),
            "salting": Salting(),
        }
        return services.recipes.of_model("tandem:rag"), SimpleNamespace(**vars(services), **more)

    yield made
    for client in clients:
        await client.close()


def follow_up(text: str = FOLLOW_UP, history: tuple[Turn, ...] = EARLIER) -> Question:
    return Question(Caller(), "tandem", text, history)


@pytest.mark.parametrize("text", [FOLLOW_UP, "How often should I do that with the machine running?"])
async def test_a_follow_up_takes_the_question_before_along(asked, text: str) -> None:
    recipe, services = asked()
    assert await condense(follow_up(text), recipe, services) == f"How do I clean the filter?\n{text}"


@pytest.mark.parametrize("how", ["join", "model", "off"])
@pytest.mark.parametrize("history", [(), EARLIER])
async def test_a_question_that_stands_alone_stays_alone_and_asks_no_model(asked, fake, how, history) -> None:
    recipe, services = asked(condense=how)
    question = follow_up("Which noise level does the pump have when running?", history)
    assert stands_alone(question)
    assert await condense(question, recipe, services) == question.text
    assert fake.requests == []


async def test_a_follow_up_stays_as_it_is_where_that_is_wanted(asked) -> None:
    recipe, services = asked(condense="off")
    assert await condense(follow_up(), recipe, services) == FOLLOW_UP


@pytest.mark.parametrize(
    "said", [WHOLE, f"Question: {WHOLE}\nIt is", f'"{WHOLE}"', f"<think>Hm?</think>{WHOLE}"]
)
async def test_the_model_makes_a_follow_up_whole(asked, fake, said: str) -> None:
    fake.plays = [say(said)]
    recipe, services = asked(condense="model")
    assert await condense(follow_up(), recipe, services) == WHOLE
    assert "How do I clean the filter?" in fake.requests[0]["messages"][-1]["content"]


@pytest.mark.parametrize(
    "said",
    [
        "",
        "With water.",
        "Who composed the opera about the whale in the sea?",
        "?",
        "I don't know.",
        f"User: {FOLLOW_UP}",
    ],
)
async def test_what_is_no_question_of_the_conversation_is_not_followed(asked, fake, said: str) -> None:
    fake.plays = [say(said)]
    recipe, services = asked(condense="model")
    assert await condense(follow_up(), recipe, services) == JOINED == join(follow_up())


@pytest.mark.parametrize("play", [hang_after("How "), refuse(500, {"error": {"message": "broken"}})])
async def test_a_model_that_hangs_or_fails_leaves_both_questions_joined(asked, fake, play) -> None:
    fake.plays = [play]
    recipe, services = asked(condense="model", rewrite_timeout_s=0.3)
    assert await condense(follow_up(), recipe, services) == JOINED


async def test_an_engine_that_is_not_ready_is_not_waited_for(asked, fake) -> None:
    recipe, services = asked(EngineState.STARTING, condense="model")
    assert await condense(follow_up(), recipe, services) == JOINED
    assert fake.requests == []


async def test_other_wordings_are_lines_without_numbers_and_none_twice(asked, fake) -> None:
    fake.plays = [say("1. Who made the pump?\n- Who made the pump?\n\nwho built IT?\n* By whom?\n4) Fourth?")]
    recipe, services = asked(expand="multi_query", expand_wordings=2)
    assert await further_texts("Who built it?", recipe, services, Ticket("t")) == [
        "Who made the pump?",
        "By whom?",
    ]


async def test_a_passage_that_may_answer_is_searched_for_as_it_is(asked, fake) -> None:
    fake.plays = [say("The pump was built in Graz.\nBy smiths.")]
    recipe, services = asked(expand="hyde")
    assert await further_texts("Who built it?", recipe, services, Ticket("t")) == [
        "The pump was built in Graz.\nBy smiths."
    ]


@pytest.mark.parametrize("expand", ["multi_query", "hyde"])
async def test_a_model_that_hangs_adds_nothing_to_the_search(asked, fake, expand: str) -> None:
    fake.plays = [hang_after("Who ")]
    recipe, services = asked(expand=expand, rewrite_timeout_s=0.3)
    assert await further_texts("Who built it?", recipe, services, Ticket("t")) == []


def test_rewriting_is_part_of_the_recipes_version(parts) -> None:
    def version(**answer: object) -> str:
        return parts(**answer).recipes.of_model("tandem:rag").version

    versions = [version(), version(condense="model"), version(expand="hyde"), version(expand="multi_query")]
    assert len(set(versions)) == 4
