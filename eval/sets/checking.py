"""What a case must be beyond its types, and a set beyond its cases; names of sets and of their versions."""

import re
from collections import Counter
from collections.abc import Sequence

from eval.case import EvalCase
from eval.sets.slices import ANSWERABLE, LABELLED, UNANSWERABLE
from tandem.errors import InvalidRequestError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_LONGEST_TAG = 64
_ROLES = ("user", "assistant")
MOST_AUTHOR, MOST_NOTE = 128, 10_000
"""Characters."""


def check_case(case: EvalCase) -> EvalCase:
    """The case with its texts and tags trimmed. Raises `InvalidRequestError` for one that contradicts itself."""
    if not case.question.strip():
        raise InvalidRequestError("the question is empty", param="question")
    if case.label is not None and not case.label.strip():
        raise InvalidRequestError(
            "the label is empty", param="label", hint="Leave it out where there is none."
        )
    for turn in case.history:
        if turn.role not in _ROLES:
            raise InvalidRequestError(
                f"a turn of the history is of {turn.role!r}", param="history", hint="`user` or `assistant`."
            )
    if case.elsewhere and not (case.answerable and case.documents):
        raise InvalidRequestError(
            "it is marked as answered by another document, too, and is not answerable or names no document",
            param="elsewhere",
            hint="`elsewhere` goes with `answerable` and `documents`.",
        )
    tags = tuple(dict.fromkeys(tag.strip() for tag in case.tags))
    for tag in tags:
        if not tag or len(tag) > _LONGEST_TAG or not tag.isprintable():
            raise InvalidRequestError(
                f"{tag[:80]!r} cannot be a tag",
                param="tags",
                hint=f"Up to {_LONGEST_TAG} characters on one line.",
            )
    for tag, holds in (
        (ANSWERABLE, case.answerable),
        (UNANSWERABLE, not case.answerable),
        (LABELLED, case.label is not None),
    ):
        if tag in tags and not holds:
            raise InvalidRequestError(
                f"it is tagged `{tag}`, which it is not",
                param="tags",
                hint="That follows from `answerable` and `label`: set these, and leave the tag out.",
            )
    return case.model_copy(
        update={
            "tags": tags,
            "references": tuple(each for each in case.references if each.strip()),
            "documents": tuple(each for each in case.documents if each.strip()),
            "paraphrases": tuple(each for each in case.paraphrases if each.strip()),
        }
    )


def check_cases(cases: Sequence[EvalCase]) -> list[EvalCase]:
    """The cases, each checked. Raises `InvalidRequestError` for none, and for ids that are there twice."""
    if not cases:
        raise InvalidRequestError("An eval set needs at least one case", param="cases")
    twice = [number for number, many in Counter(case.id for case in cases).items() if many > 1]
    if twice:
        raise InvalidRequestError(
            f"{len(twice)} ids are there more than once, such as {twice[0]!r}",
            param="cases",
            hint="Give each case an id of its own.",
        )
    return [check_case(case) for case in cases]


def check_set_name(name: str) -> None:
    """Raises `InvalidRequestError` for a name that could not be a file's, or not be told from a version."""
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{name!r} cannot be the name of an eval set",
            param="name",
            hint="Up to 64 of a-z, 0-9, - and _, beginning with a letter or digit.",
        )


def check_words(**words: str) -> None:
    """Raises `InvalidRequestError` for an author, a note or a description that is too long, or no text."""
    for key, text in words.items():
        most = MOST_AUTHOR if key == "author" else MOST_NOTE
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequestError(f"{key} holds characters that are no text", param=key) from error
        if len(text) > most or "\0" in text:
            raise InvalidRequestError(f"{key} has more than {most:,} characters, or NUL", param=key)


def split_set_ref(ref: str) -> tuple[str, int | None]:
    """Name and number of `NAME@NUMBER` or `NAME`. Raises `InvalidRequestError` for another version."""
    name, at, version = ref.partition("@")
    if at and not _NUMBER.fullmatch(version):
        raise InvalidRequestError(
            f"{ref!r} names no version of an eval set",
            param="set",
            hint="NAME@NUMBER, or NAME for the newest.",
        )
    return name, int(version) if at else None
