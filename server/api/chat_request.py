"""What a chat request may say: OpenAI's fields, each taken, harmlessly passed over, or refused by name."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from server.answering.types import Question, SamplingOverrides, Turn
from tandem.errors import InvalidRequestError, TooLargeError
from tandem.recipes import MODEL
from tandem.settings import LimitSettings, ServerSettings
from tandem.vocabulary import Caller, Range, Scalar, Where

_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "web_search_options": (),
    "audio": (),
    "prediction": (),
}
"""Fields that would change the meaning, and the values that would not."""

_PASSED_OVER = (
    "metadata",
    "store",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "parallel_tool_calls",
    "reasoning_effort",
    "verbosity",
)
"""Fields that concern OpenAI's own service, or ask for nothing that an answer could contradict."""


_LONGEST_SCHEMA = 20_000
_StopWord = Annotated[str, Field(max_length=500)]


class TextPart(BaseModel):
    """A part of a message; text is the only kind."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One message of the conversation."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    @property
    def text(self) -> str:
        """The message's text, its parts joined by line breaks."""
        return (
            self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)
        )


class StreamOptions(BaseModel):
    """How the stream ends."""

    model_config = ConfigDict(extra="forbid")
    include_usage: bool = False
    include_obfuscation: bool = False


_Value = StrictStr | StrictBool | StrictInt | StrictFloat


class RangeOption(BaseModel):
    """A closed range of numbers, with an open end where one is left out."""

    model_config = ConfigDict(extra="forbid")
    least: StrictInt | StrictFloat | None = None
    most: StrictInt | StrictFloat | None = None


Condition = _Value | Annotated[list[_Value], Field(min_length=1, max_length=100)] | RangeOption


class TandemOptions(BaseModel):
    """Tandem's additions to a request. They narrow what the caller may see, never widen it."""

    model_config = ConfigDict(extra="forbid")
    corpora: list[Annotated[str, Field(min_length=1, max_length=64)]] | None = Field(
        None, min_length=1, max_length=100, description="Corpora to search; all by default."
    )
    tags: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=20, description="Search only documents that have all of these tags."
    )
    metadata: dict[Annotated[str, Field(max_length=64)], Condition] = Field(
        default_factory=dict,
        max_length=20,
        description="Search only documents whose metadata have, for each key, the value, one of the values, "
        "or a number in the range.",
    )

    def where(self) -> Where:
        """The tags and metadata as a filter."""
        return Where(
            tuple(dict.fromkeys(self.tags)), tuple((k, _wanted(v)) for k, v in self.metadata.items())
        )


class ChatOptions(TandemOptions):
    """What a chat may ask for besides."""

    without: list[Annotated[str, Field(min_length=1, max_length=4_096)]] = Field(
        default_factory=list,
        max_length=100,
        description="Ids or addresses of documents; the answer is that which there would be without them, "
        "and is not kept. It needs a key with the scope `evaluate`.",
    )
    passages: bool = Field(False, description="Send the passages that were found, too.")
    degrade: bool = Field(
        True,
        description="Whether passages may stand in for an answer that the engine cannot write; else that is an error.",
    )
    keep: bool = Field(
        True,
        description="Whether the answer leaves a trace and counts in monitors, alerts, drift and experiments; `false`, for "
        "questions that test Tandem, needs a key with the scope `evaluate`.",
    )
    conversation: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="The client's own name of the conversation, by which an experiment keeps it with one recipe.",
    )


class JsonSchema(BaseModel):
    """A schema, as OpenAI's clients send it."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=64)
    description: str | None = None
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class JsonObjectFormat(BaseModel):
    """An answer that is a JSON object."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["json_object"]


class JsonSchemaFormat(BaseModel):
    """An answer that obeys a JSON schema."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["json_schema"]
    json_schema: JsonSchema

    @model_validator(mode="after")
    def _is_of_a_size(self) -> Self:
        """The engine builds a grammar of it before it writes a word."""
        if len(self.model_dump_json(by_alias=True)) > _LONGEST_SCHEMA:
            raise ValueError(f"the schema is longer than {_LONGEST_SCHEMA:,} characters")
        return self


class ChatRequest(BaseModel):
    """Body of `POST /v1/chat/completions`."""

    model_config = ConfigDict(extra="forbid")
    model: str = Field(MODEL, max_length=200)
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: _StopWord | Annotated[list[_StopWord], Field(max_length=4)] | None = None
    response_format: JsonObjectFormat | JsonSchemaFormat | None = Field(None, discriminator="type")
    user: str | None = Field(None, max_length=512)
    safety_identifier: str | None = Field(None, max_length=512)
    tandem: ChatOptions | None = None

    @model_validator(mode="before")
    @classmethod
    def _sort_out_fields(cls, body: Any) -> Any:
        """Drop harmless fields, and those that would change the meaning where their value does not."""
        if not isinstance(body, dict):
            return body
        return {
            name: value
            for name, value in body.items()
            if name not in _PASSED_OVER and not _is_neutral(name, value)
        }

    @property
    def without(self) -> list[str]:
        """Documents that the answer is to do without."""
        return self.tandem.without if self.tandem else []

    @property
    def keeps(self) -> bool:
        """Whether the answer leaves a trace and is counted."""
        return not self.without and (self.tandem is None or self.tandem.keep)

    @property
    def wants_passages(self) -> bool:
        """Whether the passages are to be sent."""
        return bool(self.tandem and self.tandem.passages)

    def question(self, caller: Caller, server: ServerSettings, limits: LimitSettings) -> Question:
        """The question that the conversation ends with.

        Raises `InvalidRequestError` when it does not end with the user's words, and `TooLargeError` over
        a limit.
        """
        _check_size(self.messages, server)
        check_length([message.text for message in self.messages], limits)
        last = self.messages[-1]
        if last.role != "user" or not last.text.strip():
            raise InvalidRequestError(
                "The last message must be the user's question, and not empty", param="messages"
            )
        earlier = self.messages[:-1]
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop) if self.stop else None
        return Question(
            caller=caller,
            model=self.model,
            text=last.text.strip(),
            history=tuple(Turn(m.role, m.text) for m in earlier if m.role in ("user", "assistant")),
            instructions="\n".join(m.text for m in earlier if m.role in ("system", "developer")),
            corpora=tuple(dict.fromkeys(self.tandem.corpora))
            if self.tandem and self.tandem.corpora
            else None,
            where=self.tandem.where() if self.tandem else Where(),
            sampling=SamplingOverrides(
                self.temperature, self.top_p, self.max_completion_tokens or self.max_tokens, self.seed, stop
            ),
            response_format=self.response_format.model_dump(by_alias=True, exclude_none=True)
            if self.response_format
            else None,
            user=self.safety_identifier or self.user,
            conversation=self.tandem.conversation if self.tandem else None,
            may_degrade=self.tandem.degrade if self.tandem else True,
        )


def _wanted(condition: Condition) -> tuple[Scalar, ...] | Range:
    match condition:
        case RangeOption():
            return Range(condition.least, condition.most)
        case list():
            return tuple(condition)
        case _:
            return (condition,)


def _is_neutral(name: str, value: Any) -> bool:
    return name in _NEUTRAL and (value is None or value in _NEUTRAL[name])


def check_length(texts: Iterable[str], limits: LimitSettings) -> None:
    """Refuse a conversation that is too long as a whole: all of it is read before the prompt is cut to size."""
    length = sum(map(len, texts))
    if length > limits.conversation_chars:
        raise TooLargeError(
            f"The conversation has {length:,} characters; the limit is {limits.conversation_chars:,}",
            param="messages",
            hint="Leave out the oldest messages; put long material into a corpus with `tandem ingest`.",
        )


def _check_size(messages: list[ChatMessage], limits: ServerSettings) -> None:
    if len(messages) > limits.max_history_messages:
        raise TooLargeError(
            f"The conversation has {len(messages)} messages; the limit is {limits.max_history_messages}",
            param="messages",
            hint="Start a new conversation, or leave out the oldest messages.",
        )
    length = len(messages[-1].text)
    if length > limits.max_question_chars:
        raise TooLargeError(
            f"The question has {length:,} characters; the limit is {limits.max_question_chars:,}",
            param="messages",
            hint="Ask a shorter question; put long material into a corpus with `tandem ingest`.",
        )
