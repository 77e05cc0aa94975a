"""What a judge says of the passages of other documents. It is a fake."""

from typing import Any

import pytest

from eval.judging.elsewhere import answering_passage
from eval.judging.faults import JudgeError

PASSAGES = ["The gate closes at seven.", "The yard is open."]


async def test_the_judge_reads_the_passages_by_their_numbers(fake_judge, judge_at) -> None:
    prompts = []

    def says(prompt: str, schema: dict[str, Any]) -> object:
        prompts.append(prompt)
        return {"reason": "It is stated.", "passage": 2}

    fake_judge.script = says
    judge = judge_at(fake_judge)
    said = await answering_passage(judge, "Is the yard open?", PASSAGES)
    assert (said.passage, said.reason) == (2, "It is stated.")
    again = await answering_passage(judge, "Is the yard open?", PASSAGES)
    assert again == said
    assert len(prompts) == 1
    assert "--- 2\nThe yard is open." in prompts[0]
    assert "Is the yard open?" in prompts[0]
    await judge.close()


async def test_a_passage_that_is_not_there_is_no_verdict(fake_judge, judge_at) -> None:
    fake_judge.script = lambda prompt, schema: {"reason": "", "passage": 3}
    judge = judge_at(fake_judge)
    with pytest.raises(JudgeError, match="passage 3 of 2"):
        await answering_passage(judge, "Is the yard open?", PASSAGES)
    await judge.close()
