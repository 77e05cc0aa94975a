"""Asks a judge whether passages of other documents answer a question, too."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, Field

from eval.judging.faults import JudgeError
from eval.judging.judge import Judge
from tandem.prompts import render


class Answering(BaseModel):
    """Which of the passages answers the question."""

    reason: str = Field(description="One short sentence.")
    passage: int = Field(description="Its number, from 1; 0 for none.", ge=0)


async def answering_passage(judge: Judge, question: str, passages: Sequence[str]) -> Answering:
    """The judge's word on the passages, which are numbered from 1.

    Raises `JudgeError`, also for a number that no passage has.
    """
    [message] = render(_prompt(), question=question, passages=list(passages))
    said = await judge.ask(message["content"], Answering)
    if said.passage > len(passages):
        raise JudgeError("not of the form", f"it names passage {said.passage} of {len(passages)}")
    return said


@cache
def _prompt() -> str:
    return files("eval.judging").joinpath("elsewhere.jinja").read_text("utf-8")
