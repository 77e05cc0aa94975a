"""What Ragas is given of a case and its answer: plain texts, whatever they look like."""

from collections.abc import Sequence
from typing import Any

from eval.case import EvalCase
from eval.judging.measures import Asking
from eval.reply import Reply
from finetune.validation.scores import says_unknown, token_f1, without_marks


def row_of(case: EvalCase, reply: Reply, asking: Asking) -> dict[str, Any] | str:
    """Arguments of Ragas's `ascore`; or, in words, why the measure does not ask about this case.

    The answer is without its citation marks. A passage that reads like the address of a file or a page stays a
    text: nothing that is named in it is opened.
    """
    row: dict[str, Any] = {"user_input": case.question, "response": without_marks(reply.text)}
    if asking.of_claims and says_unknown(reply.text, abstained=reply.abstained):
        return "the answer is that there is none: it claims nothing"
    if asking.measure.name == "answer_relevancy" and not case.answerable:
        return "the question has no answer: to say so is right"
    if "reference" in asking.given:
        if not any(reference.strip() for reference in case.references):
            return "no reference"
        row["reference"] = nearest(row["response"], case.references)
    if "retrieved_contexts" in asking.given:
        passages = [
            one.text for one in reply.passages if one.text.strip() and (asking.of == "found" or one.in_prompt)
        ]
        if not passages:
            return "no passages"
        row["retrieved_contexts"] = passages
    if "response" in asking.given and not row["response"].strip():
        return "the answer is empty"
    return {name: row[name] for name in asking.given}


def nearest(answer: str, references: Sequence[str]) -> str:
    """The reference whose words are most like the answer's, the first of equals: each is enough by itself."""
    return max((one for one in references if one.strip()), key=lambda one: token_f1(answer, [one]))
