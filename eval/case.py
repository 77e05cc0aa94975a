"""One case of an eval set: a question, what would be right, and where it stands."""

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

_LISTS = (
    "references",
    "answers",
    "answer",
    "reference",
    "documents",
    "doc_ids",
    "uris",
    "tags",
    "paraphrases",
)


class Turn(BaseModel):
    """An earlier message of a conversation; `role` is `user` or `assistant`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    role: str
    content: str = Field(min_length=1)


class EvalCase(BaseModel):
    """A question with what is known of its answer. A measure that needs what is missing passes the case over."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str = Field(min_length=1)
    """Unlike that of every other case of its set."""
    question: str = Field(min_length=1)
    references: tuple[str, ...] = Field(
        (), validation_alias=AliasChoices("references", "answers", "answer", "reference")
    )
    """Right answers, each enough by itself."""
    documents: tuple[str, ...] = Field((), validation_alias=AliasChoices("documents", "doc_ids", "uris"))
    """Ids or addresses of the documents that hold the answer."""
    answer_start: int | None = None
    """Where in its document the first reference begins, in code points."""
    label: str | None = None
    """The class that is right, of a set that asks for classes."""
    answerable: bool = True
    """Whether the corpus holds an answer; if not, "I don't know" is right."""
    elsewhere: bool = False
    """Whether another document answers it, too: with its own left out, "I don't know" is not right."""
    tags: tuple[str, ...] = ()
    """Slices that the case belongs to, such as `multi-hop` or `out-of-domain`."""
    paraphrases: tuple[str, ...] = ()
    """The same question in other words."""
    history: tuple[Turn, ...] = ()
    """What was said before it, oldest first: the question is a follow-up."""

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, fields: object) -> object:
        """A list of one may stand without its list."""
        if not isinstance(fields, dict):
            return fields
        return {
            key: [value] if key in _LISTS and isinstance(value, str) else value
            for key, value in fields.items()
        }
