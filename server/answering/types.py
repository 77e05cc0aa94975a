"""What goes into answering and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from server.admission.ticket import Ticket
from tandem.abstention import ABSTENTION as ABSTENTION
from tandem.index import Vector
from tandem.store import Observation
from tandem.vocabulary import Caller, Citation, Passage, Where


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message of the conversation; `role` is `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class SamplingOverrides:
    """What a request asks for in place of its recipe's sampling; `None` leaves the recipe's value."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its conversation, as it came in."""

    caller: Caller
    model: str
    text: str
    history: tuple[Turn, ...] = ()
    instructions: str = ""
    corpora: tuple[str, ...] | None = None
    """Corpora to search; all of the caller's when `None`."""
    where: Where = Where()
    """What a document must be marked with to be searched."""
    sampling: SamplingOverrides = field(default_factory=SamplingOverrides)
    response_format: Mapping[str, Any] | None = None
    """OpenAI's, where the answer is to be JSON."""
    user: str | None = None
    """Who asks, as the client names its own users: OpenAI's `user` or `safety_identifier`."""
    conversation: str | None = None
    """The client's name of the conversation; one without a name is not told from others."""
    may_degrade: bool = True
    """Whether passages may stand in for an answer that the engine cannot write; else that is an error."""
    background: bool = False
    """Nobody waits for the answer: it waits for the questions for whose answers somebody does."""
    ticket: Ticket | None = field(default=None, compare=False, repr=False)
    """Its place in the server; without one it takes a place of its own whenever it asks the engine."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text."""

    text: str
    refusal: bool = False
    """Whether this stands in place of the JSON that was asked for."""


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next piece of what the model thinks before its answer. It is never cited and no answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer, sent after its last piece of text."""

    text: str
    recipe: str
    recipe_version: str
    prompt_version: str
    trace_id: str
    finish_reason: str
    """`stop`, or `length` where the token limit cut the answer."""
    abstained: bool
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    timings: dict[str, float]
    """Milliseconds per step, and `total`."""
    tokens_in: int
    tokens_out: int
    reasoning: str = ""
    refusal: bool = False
    """Whether the text stands in place of the JSON that was asked for."""
    evidence: float | None = None
    """Probability, in [0, 1], that the passages hold the answer; `None` where none were looked for."""
    prompted: tuple[str, ...] | None = None
    """Ids of the chunks that the model saw; `None` where that was not noted."""
    cached: Literal["exact", "similar"] | None = None
    """Whether it was kept from the same question, or from a similar one, and not made for this one."""
    experiment: str | None = None
    """Id of the experiment that chose the recipe, and `arm`, which of its recipes it was."""
    arm: str | None = None
    unit: str | None = None
    """Whose answers the experiment counts together: a hash of the user or the conversation."""
    degraded: bool = False
    """Whether the text is of the passages alone, because the engine could not be asked."""
    degraded_reason: str | None = None
    """Why: one of `server.answering.degrade.DegradedReason`."""
    distance: float | None = None
    """How far the question is from the domain; `None` where that is not measured."""
    outside: bool = False
    """Whether that is further than the threshold."""
    routed_from: str | None = None
    """The recipe, `NAME@VERSION`, that handed the question on because of that."""
    shadow: bool = False
    """Whether nobody sees it."""
    makeshift: bool = False
    """Whether its passages are not those that its recipe finds when all goes well: the reranker was late, or no
    further wordings came; or their evidence lacks what the model should have said."""
    cited: float | None = None
    """Share of the sentences that the model wrote which carry a mark, those that were dropped counted as without;
    `None` where the recipe cites nothing, or Tandem abstained."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A question was answered, and its trace and observation are kept: what `Services.events` tells."""

    question: Question
    answer: Answer
    observation: Observation
    embedder: str = ""
    """Fingerprint of the embedder of `vector`."""
    vector: Vector | None = None
    """Of the question, as it was searched for; `None` where nobody needed it."""
