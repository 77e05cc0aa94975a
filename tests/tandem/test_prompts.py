from pathlib import Path

import pytest
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from tandem.errors import NotFoundError
from tandem.prompts import PromptLibrary

PASSAGES = [
    {"title": "Manual", "section": "Care", "text": "Clean it."},
    {"title": "Manual", "section": None, "text": "Dry it."},
]


def _user(prompt: str) -> str:
    messages = PromptLibrary().render(prompt, passages=PASSAGES, question="How?", instructions="", history=[])
    assert [message["role"] for message in messages] == ["system", "user"]
    return messages[1]["content"]


def test_rag_has_the_best_passage_next_to_the_question() -> None:
    assert _user("rag") == "Dry it.\n\nClean it.\n\nQuestion: How?\nAnswer in a full sentence."


def test_rag_numbered_numbers_its_passages_and_ends_with_the_question() -> None:
    assert "[1] Manual > Care" in _user("rag_numbered")
    assert _user("rag_numbered").endswith("Question: How?")


def test_what_a_passage_says_is_never_a_template() -> None:
    passages = [{"title": "T", "section": None, "text": "{{ 7 * 7 }} {% raw %}"}]
    messages = PromptLibrary().render(
        "rag", passages=passages, question="{{ 1 }}", instructions="", history=[]
    )
    assert "{{ 7 * 7 }} {% raw %}" in messages[1]["content"]


def test_a_changed_text_is_another_version(tmp_path: Path) -> None:
    prompt = tmp_path / "p.jinja"
    prompt.write_text("one")
    first = PromptLibrary(tmp_path).version("p")
    prompt.write_text("two")
    assert PromptLibrary(tmp_path).version("p") != first


def test_an_unknown_prompt_is_named() -> None:
    with pytest.raises(NotFoundError, match="nosuch"):
        PromptLibrary().render("nosuch")


def test_a_missing_variable_is_an_error_not_an_empty_place() -> None:
    with pytest.raises(UndefinedError):
        PromptLibrary().render("rag", passages=[], instructions="", history=[])


def test_a_prompt_cannot_reach_python(tmp_path: Path) -> None:
    (tmp_path / "p.jinja").write_text("{{ ''.__class__.__mro__ }}")
    with pytest.raises(SecurityError):
        PromptLibrary(tmp_path).render("p")
