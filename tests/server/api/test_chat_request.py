import pytest
from pydantic import ValidationError

from server.api.chat_request import ChatRequest
from tandem.errors import InvalidRequestError, TooLargeError
from tandem.settings import LimitSettings, ServerSettings
from tandem.vocabulary import Caller

SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "x", "schema": {"type": "object", "default": None}, "strict": True},
}
HELLO = [{"role": "user", "content": "Hello there"}]


def parsed(**fields: object) -> ChatRequest:
    return ChatRequest.model_validate({"messages": HELLO} | fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user", "u1"),
        ("metadata", {"a": "b"}),
        ("n", 1),
        ("tools", []),
        ("presence_penalty", 0.0),
        ("logprobs", False),
    ],
)
def test_a_harmless_field_is_accepted(field: str, value: object) -> None:
    assert (
        parsed(**{field: value}).question(Caller(), ServerSettings(), LimitSettings()).text == "Hello there"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("tools", [{"type": "function"}]),
        ("response_format", {"type": "grammar"}),
        ("response_format", {"type": "json_schema"}),
        ("response_format", SCHEMA | {"json_schema": {"name": "x", "schema": {"enum": ["x" * 20_000]}}}),
        ("logprobs", True),
        ("presence_penalty", 0.5),
        ("prompt_embeds", "AAAA"),
        ("tenant", "other"),
    ],
)
def test_a_field_that_would_change_the_meaning_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refusal:
        parsed(**{field: value})
    assert refusal.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize("wanted", [SCHEMA, {"type": "json_object"}])
def test_a_wanted_format_reaches_the_question_as_it_came(wanted: dict) -> None:
    assert (
        parsed(response_format=wanted).question(Caller(), ServerSettings(), LimitSettings()).response_format
        == wanted
    )


def test_text_as_the_format_is_no_format() -> None:
    question = parsed(response_format={"type": "text"}).question(Caller(), ServerSettings(), LimitSettings())
    assert question.response_format is None


def test_text_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    request = ChatRequest.model_validate({"messages": [{"role": "user", "content": parts}]})
    assert request.question(Caller(), ServerSettings(), LimitSettings()).text == "one\ntwo"


def test_an_image_is_refused() -> None:
    with pytest.raises(ValidationError):
        ChatRequest.model_validate({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})


@pytest.mark.parametrize(
    "messages", [[{"role": "assistant", "content": "x"}], [{"role": "user", "content": " "}]]
)
def test_a_conversation_must_end_with_a_question(messages: list[dict[str, str]]) -> None:
    with pytest.raises(InvalidRequestError):
        ChatRequest.model_validate({"messages": messages}).question(
            Caller(), ServerSettings(), LimitSettings()
        )


def test_a_question_over_the_limit_is_refused() -> None:
    with pytest.raises(TooLargeError) as refusal:
        parsed().question(Caller(), ServerSettings(max_question_chars=5), LimitSettings())
    assert refusal.value.param == "messages"


def test_the_callers_identity_is_never_taken_from_the_body() -> None:
    assert parsed(user="mallory").question(
        Caller("acme"), ServerSettings(), LimitSettings()
    ).caller == Caller("acme")
