"""How questions are answered."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from tandem.settings.group import Group


class AnswerSettings(Group):
    """How a question becomes an answer."""

    champion: str = Field(
        "rag", description="Recipe behind the model name `tandem`, until another is made the champion."
    )
    prompt: str = Field(
        "rag",
        description="Prompt of the recipes that retrieve: `rag` suits any model, `rag_numbered` asks the model "
        "itself to mark its sentences, `rag_steps` to think step by step first.",
    )
    passages: int = Field(4, ge=1, le=50, description="Passages retrieved for one question.")
    evidence: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Least probability that the passages hold the answer; below it the answer is `I don't know`.",
    )
    degraded: Literal["passages", "error"] = Field(
        "passages",
        description="Where the engine cannot be asked: `passages` shows the best passages in place of an answer that "
        "draws on some, `error` answers with status 503.",
    )
    calibration: Path | None = Field(
        None,
        description="File of `tandem calibrate` that makes this probability of the evidence; without it, Tandem's own.",
    )
    likelihood_timeout_s: float = Field(
        3.0,
        gt=0,
        description="Longest wait for the model to say how likely a question is, where the calibration weighs that; "
        "then the evidence is judged without.",
    )
    condense: Literal["join", "model", "off"] = Field(
        "join",
        description="How a follow-up is made whole for the search: `join` puts the question before it in front, "
        "`model` has the model write one question of both, `off` takes it as it stands.",
    )
    expand: Literal["off", "multi_query", "hyde"] = Field(
        "off",
        description="Search for more than the question: `multi_query` for other wordings that the model writes, "
        "`hyde` for a passage as one that answers it may read.",
    )
    expand_wordings: int = Field(3, ge=1, le=8, description="Other wordings of `multi_query`.")
    rewrite_timeout_s: float = Field(
        3.0,
        gt=0,
        description="Longest wait for the model to rewrite a question; then the search goes on without.",
    )
    context_tokens: int = Field(1_400, ge=64, description="Most tokens of passages in a prompt.")
    excerpt_tokens: int = Field(
        0,
        ge=0,
        description="Cut each passage to the sentences that most likely hold the answer, of at most so many tokens, "
        "and put the likeliest first; 0 keeps passages whole.",
    )
    order: Literal["prompt", "best_first", "best_last", "stable"] = Field(
        "prompt",
        description="Order of the passages: as the prompt has it, by rank, or as they stand in their documents "
        "(`stable`), so that questions about the same passages share more of the engine's prefix cache.",
    )
    cut_last: bool = Field(
        False, description="Fill the budget with the first sentences of the passage that does not fit whole."
    )
    answer_tokens: int = Field(
        160, ge=1, description="Most tokens of an answer, where the request names none."
    )
    examples: Path | None = Field(
        None,
        description="File of few-shot examples, a line each: "
        '`{"question": ..., "answer": ..., "passages": [...]}`.',
    )
    examples_shown: int = Field(3, ge=1, le=50, description="Most examples in a prompt.")
    examples_picked: Literal["static", "similar"] = Field(
        "static",
        description="`static` shows the first of the file, the same each time; `similar` those whose questions "
        "are most like the one that is asked.",
    )
    reasoning_opens: str = Field(
        "<think>",
        description="What opens the reasoning that a model writes before its answer; empty where every answer "
        "begins with it.",
    )
    reasoning_closes: str = Field(
        "</think>",
        description="What ends it, such as `</think>` or `Answer:`; empty where nothing is reasoning.",
    )
    citing: Literal["verify", "keep"] = Field(
        "verify",
        description="`verify` drops sentences that no passage supports; `keep` leaves them without a mark.",
    )
    support: float = Field(
        0.5, ge=0, le=1, description="Least support of a sentence by a passage for it to be cited."
    )
