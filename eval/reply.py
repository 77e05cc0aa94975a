"""What an arm answered to one case, with all that a suite may measure of it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Variant = Literal["asked", "without", "repeat", "paraphrase", "noise", "counterfactual"]
"""How a case was put: as it is; with its documents left out of the search, so that "I don't know" is right;
once more; in other words (`part` tells which); with passages of other documents, or with a changed fact, among
those that were found."""


class FoundPassage(BaseModel):
    """A passage that retrieval brought; `start` and `end` are its place in its document, in code points."""

    model_config = ConfigDict(frozen=True)
    id: str
    document_id: str
    uri: str
    text: str
    score: float
    start: int
    end: int
    in_prompt: bool
    """Whether assembly let the model see it."""


class CitedPlace(BaseModel):
    """One citation of an answer."""

    model_config = ConfigDict(frozen=True)
    n: int
    document_id: str
    uri: str
    start: int
    end: int
    quote: str
    passage: str
    """Text of the passage that the place lies in."""


class Failure(BaseModel):
    """Why a case has no answer: the type of the error and what it said."""

    model_config = ConfigDict(frozen=True)
    type: str
    message: str


class Reply(BaseModel):
    """One answer, or why there is none. Kept as it came: a suite can be changed and run again without asking."""

    model_config = ConfigDict(frozen=True)
    arm: str
    """The recipe as it was named; unlike every other arm of the run."""
    recipe_version: str
    case: str
    """Id of the case."""
    variant: Variant = "asked"
    part: int = 0
    """Which of several of its kind, from 0."""
    question: str
    """As it was put."""
    text: str = ""
    abstained: bool = False
    finish_reason: str = ""
    citations: tuple[CitedPlace, ...] = ()
    passages: tuple[FoundPassage, ...] = ()
    """Best first; none where the recipe does not retrieve."""
    evidence: float | None = None
    """Probability that the passages hold the answer."""
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    """From the request to the last byte, with others asked at the same time."""
    first_token_s: float | None = None
    """From the request to the first piece of text."""
    timings: dict[str, float] = {}
    """Milliseconds of each step of the server."""
    begun_at: float = 0.0
    """When it was asked, in seconds since 1970: with `seconds` it tells what else was under way."""
    trace_id: str = ""
    failure: Failure | None = None
