"""Ragas's numbers with a judge: the same as Ragas's own, and nothing is lost where the judge fails."""

import asyncio
import re
import socket
import threading
from typing import Any

import openai
import pytest
from fake_judge import FakeJudge, Fault, by_content

from eval.case import EvalCase
from eval.judging.labelled import LabelledCase
from eval.judging.measures import ASKINGS, LLM_MEASURES
from eval.judging.scores import judge_scores, reasons
from eval.reply import Failure, FoundPassage, Reply
from tandem.errors import InvalidRequestError, StorageError
from tandem.store.judge_replies import JudgeReplies


def case(id_: str = "1", **fields: Any) -> EvalCase:
    return EvalCase(**{"id": id_, "question": f"Question {id_}?", "references": ("The reference.",)} | fields)


def passage(text: str, *, in_prompt: bool = True) -> FoundPassage:
    return FoundPassage(
        id=text, document_id="d", uri="u", text=text, score=1, start=0, end=9, in_prompt=in_prompt
    )


def reply(id_: str = "1", text: str = "The answer [1].", **fields: Any) -> Reply:
    known: dict[str, Any] = {"passages": (passage("A passage."), passage("Another.", in_prompt=False))}
    return Reply(
        arm="rag", recipe_version="v", case=id_, question=f"Question {id_}?", text=text, **known | fields
    )


def row(one: LabelledCase) -> dict[str, Any]:
    return {
        "user_input": one.question,
        "response": one.answer,
        "reference": one.reference,
        "retrieved_contexts": list(one.passages),
    }


async def test_every_number_is_the_one_that_ragas_gives_when_it_is_called_directly(
    fake_judge, judge_at, fake_embedder, labelled
) -> None:
    from eval.judging.untracked import untracked

    untracked()
    from ragas.llms import llm_factory
    from ragas.metrics import collections

    from eval.judging.per_case import TandemEmbedding

    some = [one for one in labelled if one.faithful is not None][:20:5]
    client = openai.AsyncOpenAI(base_url=fake_judge.address, api_key="none", max_retries=0)
    llm = llm_factory("fake-judge", client=client, temperature=0.0)
    direct: dict[str, dict[str, float]] = {}
    for name, asking in ASKINGS.items():
        parts = {"embeddings": TandemEmbedding(fake_embedder)} if asking.embeds else {}
        metric = getattr(collections, LLM_MEASURES[name].ragas)(llm=llm, **parts)
        given = [{key: row(one)[key] for key in asking.given} for one in some]
        results = await asyncio.gather(*(metric.ascore(**each) for each in given))
        direct[name] = {one.id: result.value for one, result in zip(some, results, strict=True)}

    judge = judge_at(fake_judge)
    cases, replies = [one.as_case() for one in some], [one.as_reply() for one in some]
    ours = await judge_scores(cases, replies, judge, embedder=fake_embedder)
    assert {scores.measure.name for scores in ours} == set(LLM_MEASURES)
    for scores in ours:
        assert scores.whole
        assert dict(scores.values) == pytest.approx(direct[scores.measure.name])
    assert sum(len(set(scores.values.values())) > 1 for scores in ours) >= 5
    await judge.close()
    await client.close()


async def test_a_passage_that_looks_like_a_file_or_a_page_is_sent_as_text_and_never_opened(
    fake_judge, judge_at
) -> None:
    called = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/picture.jpg"

        def listen() -> None:
            try:
                listener.accept()[0].close()
                called.set()
            except OSError:
                pass

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        texts = ("file://localhost/etc/passwd#fake.jpg", url, "data:image/png;base64,iVBORw0KGgo=")
        answer = reply(text=url, passages=tuple(passage(text) for text in texts))
        judge = judge_at(fake_judge)
        names = [name for name in ASKINGS if name != "answer_relevancy"]
        found = await judge_scores([case(question=url, references=(texts[0],))], [answer], judge, names)
        assert all(scores.wanted == 1 for scores in found)
        await judge.close()
        assert not called.is_set()
        sent = [message["content"] for body in fake_judge.asked for message in body["messages"]]
        assert all(isinstance(content, str) for content in sent)
        assert any(texts[0] in content for content in sent)
        assert not any("root:" in content for content in sent)
        with socket.create_connection(listener.getsockname()):
            thread.join(5)
        assert called.is_set()  # the listener would have told


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(429), "judge busy: status 429"),
        (Fault(500), "judge busy: status 500"),
        (Fault(400), "judge refuses: status 400"),
        (Fault(raw="not JSON"), "judge not of the form: "),
        (Fault(raw='{"statements": 3}'), "judge not of the form: statements"),
        (Fault(raw='{"statements": ["cut'), "judge not of the form: "),
        (Fault(raw='{"statements": ["cut', reason="length"), "judge cut short: "),
        (Fault(wait_s=60), "judge too slow: "),
        (
            Fault(raw='{"statements": []}'),
            "judge not of the form: it named nothing that could be counted (NaN)",
        ),
    ],
)
async def test_a_case_that_the_judge_fails_at_is_counted_with_its_reason(
    fake_judge, judge_at, fault: Fault, reason: str
) -> None:
    def script(prompt: str, schema: dict[str, Any]) -> object:
        if "Question 2" in prompt:
            raise fault
        return by_content(prompt, schema)

    fake_judge.script = script
    judge = judge_at(fake_judge, timeout_s=4.0 if fault.wait_s else 60.0)
    ids = ("1", "2", "3")
    [scores] = await judge_scores([case(n) for n in ids], [reply(n) for n in ids], judge, ["faithfulness"])
    await judge.close()
    assert list(scores.values) == ["1", "3"]
    assert scores.failed["2"].startswith(reason)
    assert list(reasons(scores)) == [reason.split(":")[0]]
    assert not scores.whole


async def test_a_rating_that_is_left_over_when_the_other_failed_is_no_number(fake_judge, judge_at) -> None:
    """Ragas goes on with one of its two ratings, and says nothing of it."""
    asked = 0

    def script(prompt: str, schema: dict[str, Any]) -> object:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise Fault(500)
        return {"rating": 4}

    fake_judge.script = script
    judge = judge_at(fake_judge)
    [scores] = await judge_scores([case()], [reply()], judge, ["answer_accuracy"])
    await judge.close()
    assert scores.failed["1"].startswith("judge busy")
    assert asked == 2  # Ragas's five tries of its own are not paid for


async def test_a_rating_off_the_scale_is_no_number(fake_judge, judge_at) -> None:
    fake_judge.script = lambda prompt, schema: {"rating": 3}
    judge = judge_at(fake_judge)
    [scores] = await judge_scores([case()], [reply()], judge, ["answer_accuracy"])
    await judge.close()
    assert scores.failed["1"] == "judge not of the form: rating 3 of [0, 2, 4]"


async def test_verdicts_that_do_not_fit_their_statements_are_counted_as_failed(fake_judge, judge_at) -> None:
    def script(prompt: str, schema: dict[str, Any]) -> object:
        if "verdict" not in prompt:
            return {"statements": ["a", "b"]}
        number = 1 if "Another." in prompt else 2
        return {"statements": [{"statement": "a", "reason": "r", "verdict": 1}] * number}

    fake_judge.script = script
    judge = judge_at(fake_judge)
    answer = reply(passages=(passage("A passage."), passage("Another.")))
    [scores] = await judge_scores([case()], [answer], judge, ["noise_sensitivity"])
    await judge.close()
    assert "do not fit together" in scores.failed["1"]


async def test_a_judge_that_is_down_is_left_alone_and_what_it_has_said_before_counts(judge_at) -> None:
    ids = [str(n) for n in range(60)]
    cases, replies = [case(n) for n in ids], [reply(n) for n in ids]
    with FakeJudge.serving() as server:
        judge = judge_at(server, at_once=2, gives_up_after=3)
        [whole] = await judge_scores(cases[:5], replies[:5], judge, ["answer_accuracy"])
        assert whole.whole
        server.script = lambda prompt, schema: (_ for _ in ()).throw(Fault(503))
        before = len(server.asked)
        [part] = await judge_scores(cases, replies, judge, ["answer_accuracy"])
        await judge.close()
        assert len(server.asked) - before <= 5
    assert dict(part.values) == dict(whole.values)
    assert len(part.failed) == 55
    assert reasons(part)["judge down"] >= 50
    assert judge.down is not None


async def test_a_judge_that_was_never_there_fails_every_case_at_once(judge_at, fake_judge) -> None:
    fake_judge.shutdown()
    fake_judge.server_close()
    judge = judge_at(fake_judge, gives_up_after=2)
    ids = [str(n) for n in range(30)]
    [scores] = await judge_scores([case(n) for n in ids], [reply(n) for n in ids], judge, ["faithfulness"])
    await judge.close()
    assert len(scores.failed) == 30
    assert scores.estimate() is None


async def test_a_wrong_key_is_not_tried_with_every_case(fake_judge, judge_at) -> None:
    fake_judge.script = lambda prompt, schema: (_ for _ in ()).throw(Fault(401))
    judge = judge_at(fake_judge, at_once=1)
    ids = [str(n) for n in range(9)]
    [scores] = await judge_scores([case(n) for n in ids], [reply(n) for n in ids], judge, ["faithfulness"])
    await judge.close()
    assert len(scores.failed) == 9
    assert len(fake_judge.asked) == 1


async def test_what_a_measure_does_not_ask_about_is_passed_over_and_not_paid_for(
    fake_judge, judge_at
) -> None:
    cases = [case("1"), case("2"), case("3", references=()), case("4"), case("5")]
    replies = [
        reply("1", failure=Failure(type="engine_failed_error", message="gone")),
        reply("2", text="I don't know.", abstained=True),
        reply("3"),
        reply("4", passages=()),
        reply("5", variant="repeat"),
    ]
    judge = judge_at(fake_judge)
    found = await judge_scores(cases, replies, judge, ["faithfulness", "answer_accuracy"])
    await judge.close()
    faithful, accurate = found
    assert list(faithful.values) == ["3"]
    assert faithful.failed == {"1": "no answer: engine_failed_error"}
    assert list(faithful.passed_over) == ["2", "4"]
    assert list(accurate.values) == ["2", "4"]  # that it is unknown is wrong where the reference is known
    assert accurate.passed_over == {"3": "no reference"}


async def test_the_judge_sees_what_the_model_saw_and_of_retrieval_all_that_was_found(
    fake_judge, judge_at
) -> None:
    judge = judge_at(fake_judge)
    await judge_scores([case()], [reply()], judge, ["faithfulness", "llm_context_recall"])
    await judge.close()
    asked = [message["content"] for body in fake_judge.asked for message in body["messages"]]
    about = {bool(re.search("classif", text)): "Another." in text for text in asked if "A passage." in text}
    assert about == {False: False, True: True}
    assert not any("answer [1]" in text for text in asked)


async def test_of_several_references_the_nearest_counts(fake_judge, judge_at) -> None:
    judge = judge_at(fake_judge)
    many = case(references=("Nothing alike", "That answer is the answer", "Other words"))
    await judge_scores([many], [reply()], judge, ["answer_accuracy"])
    await judge.close()
    [first, _] = [body["messages"][0]["content"] for body in fake_judge.asked]
    assert "That answer is the answer" in first
    assert "Nothing alike" not in first


async def test_a_measure_that_is_unknown_or_lacks_the_embedder_is_refused(fake_judge, judge_at) -> None:
    judge = judge_at(fake_judge)
    with pytest.raises(InvalidRequestError, match="No judge gives 'beauty'"):
        await judge_scores([], [], judge, ["beauty"])
    with pytest.raises(InvalidRequestError, match="embedder"):
        await judge_scores([], [], judge, ["answer_relevancy"])
    with pytest.raises(ValueError, match="one arm"):
        await judge_scores([case()], [reply(), reply()], judge)
    assert len(await judge_scores([case()], [], judge)) == len(LLM_MEASURES) - 1
    await judge.close()


async def test_a_disk_that_refuses_ends_the_judging_and_is_not_taken_for_a_fault_of_the_judge(
    fake_judge, judge_at, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: JudgeReplies, key: str, reply: str) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(JudgeReplies, "keep", full)
    judge = judge_at(fake_judge)
    with pytest.raises(StorageError, match="full"):
        await judge_scores([case()], [reply()], judge, ["answer_accuracy"])
    await judge.close()


async def test_a_judge_whose_model_must_be_named_is_refused_before_anything_is_asked(
    fake_judge, judge_at
) -> None:
    fake_judge.models = ["one", "two"]
    judge = judge_at(fake_judge)
    with pytest.raises(InvalidRequestError, match="has 2 models"):
        await judge_scores([case()], [reply()], judge, ["answer_accuracy"])
    await judge.close()
