"""Cases and replies for tests of measures, with only what a test says of them."""

from typing import Any

from eval.case import EvalCase
from eval.reply import CitedPlace, Failure, FoundPassage, Reply

DOWN = Failure(type="engine_unavailable_error", message="vLLM is not there")


def case(name: str = "c1", *references: str, **fields: Any) -> EvalCase:
    known = {"documents": ("d1",)} | fields
    return EvalCase(id=name, question=f"What of {name}?", references=references, **known)


def reply(text: str = "", name: str = "c1", **fields: Any) -> Reply:
    return Reply(
        **{"arm": "rag", "recipe_version": "1", "case": name, "question": "?", "text": text} | fields
    )


def found(text: str, document: str = "d1", *, in_prompt: bool = True, uri: str = "") -> FoundPassage:
    return FoundPassage(
        id=f"{document}/{text[:8]}",
        document_id=document,
        uri=uri or f"{document}.txt",
        text=text,
        score=1.0,
        start=0,
        end=len(text),
        in_prompt=in_prompt,
    )


def cited(passage: str, document: str = "d1", n: int = 1) -> CitedPlace:
    return CitedPlace(
        n=n,
        document_id=document,
        uri=f"{document}.txt",
        start=0,
        end=len(passage),
        quote=passage,
        passage=passage,
    )
