"""Prompts: what they make of a question, what is refused when saved, and what no template can do."""

import time
from pathlib import Path

import pytest

from tandem.errors import InvalidPromptError, InvalidRequestError, NotFoundError, TooLargeError
from tandem.prompts import PromptLibrary, check_name, check_prompt, diff, prompt_hash, render

PASSAGES = [
    {"title": "Manual", "section": "Care", "text": "Clean it."},
    {"title": "Manual", "section": None, "text": "Dry it."},
]
ASKS = '{% call message("user") %}{{ question }}{% endcall %}'


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
    assert first == prompt_hash("one")[:12]


def test_an_unknown_prompt_is_named() -> None:
    with pytest.raises(NotFoundError, match="nosuch"):
        PromptLibrary().render("nosuch")


def test_a_missing_variable_is_an_error_not_an_empty_place() -> None:
    with pytest.raises(InvalidPromptError, match="question"):
        PromptLibrary().render("rag", passages=[], instructions="", history=[])


@pytest.mark.parametrize("name", PromptLibrary().names())
def test_every_prompt_that_comes_with_tandem_could_be_saved(name: str) -> None:
    text = PromptLibrary().text(name)
    assert check_prompt(text) == text


def test_lines_of_windows_are_kept_as_those_of_unix() -> None:
    assert check_prompt(f"{{# a #}}\r\n{ASKS}\r\n") == f"{{# a #}}\n{ASKS}\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{% if %}", "line 1"),
        ("", "no message"),
        ("Just text, without a message.", "no message"),
        ('{% call message("user") %}Hello{% endcall %}', "holds the question"),
        (f'{ASKS}{{% call message("assistant") %}}Yes{{% endcall %}}', "holds the question"),
        ('{% call message("robot") %}{{ question }}{% endcall %}', "robot"),
        (f"{{{{ questions }}}}{ASKS}", "'questions' in line 1"),
        (f"{{% for p in passages %}}{{{{ p.body }}}}{{% endfor %}}{ASKS}", "body"),
        (f"{{{{ passages }}}}{ASKS}", "list cannot be written"),
        (f"{ASKS}\x00", "no text"),
        (f"{ASKS}\ud800", "no text"),
        (f"{{{{ fence }}}}{ASKS}", "fence"),
    ],
)
def test_a_prompt_that_could_not_answer_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidPromptError, match=why):
        check_prompt(text)


def test_what_exists_is_named_where_something_does_not() -> None:
    with pytest.raises(InvalidPromptError) as refusal:
        check_prompt(f"{{{{ context }}}}{ASKS}")
    assert "passages" in str(refusal.value.hint)


def test_a_prompt_over_the_limit_is_refused() -> None:
    with pytest.raises(TooLargeError):
        check_prompt("x" * 50_001 + ASKS)


_DOUBLED = "{% set x = '0123456789' %}" + "{% set x = EXPRESSION %}" * 40
ATTACKS = {
    "class": "{{ ''.__class__.__mro__ }}",
    "class by item": "{{ ''['__class__'] }}",
    "class by attr": "{{ ''|attr('__class__') }}",
    "class by map": "{{ ['']|map(attribute='__class__')|list|first }}",
    "globals of message": "{{ message.__globals__ }}",
    "code of message": "{{ message.__code__.co_consts }}",
    "globals of range": "{{ range.__globals__ }}",
    "context": "{{ self._TemplateReference__context }}",
    "format": "{{ '{0.__class__}'.format(1) }}",
    "format_map": "{{ '{a}'.format_map({'a': 1}) }}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "include": "{% include 'rag' %}",
    "import": "{% import 'os' as os %}",
    "extends": "{% extends 'rag' %}",
    "endless range": "{% for i in range(10**9) %}{% endfor %}",
    "long range": "{% for i in range(1000000000) %}{% endfor %}",
    "nested ranges": "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "nested characters": "{% for a in 'x' * 9999 %}{% endfor %}",
    "recursion": "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "recursive loop": "{% for a in passages recursive %}{{ loop(passages) }}{% endfor %}",
    "power": "{{ 9**9**9**9 }}",
    "product": "{% set n = 9999999 %}" + "{% set n = n * n %}" * 40,
    "repeated text": "{{ 'x' * 1000000000 }}",
    "repeated list": "{{ ([1] * 1000000000)|length }}",
    "doubled by +": _DOUBLED.replace("EXPRESSION", "x + x"),
    "doubled by ~": _DOUBLED.replace("EXPRESSION", "x ~ x"),
    "doubled by join": _DOUBLED.replace("EXPRESSION", "[x, x]|join"),
    "doubled by join's text": _DOUBLED.replace("EXPRESSION", "[1, 1, 1]|join(x)"),
    "doubled by replace": _DOUBLED.replace("EXPRESSION", "x|replace('0', x)"),
    "doubled by replace of nothing": _DOUBLED.replace("EXPRESSION", "x|replace('', x)"),
    "doubled by block": "{% set x %}0123456789{% endset %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40,
    "doubled list": "{% set x = [1, 2] %}" + "{% set x = x + x %}" * 40,
    "nested list": "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40 + "{{ x|string }}",
    "nested tuple": "{% set x = (1,) %}" + "{% set x = (x, x) %}" * 40 + "{{ x|join }}",
    "nested mapping": "{% set x = {'a': 1} %}" + "{% set x = {'a': x, 'b': x} %}" * 40 + "{{ x|string }}",
    "padded": "{{ 'x'|center(1000000000) }}",
    "padded by method": "{{ 'x'.ljust(1000000000) }}",
    "filled": "{{ 'x'.zfill(1000000000) }}",
    "sliced": "{{ [1]|slice(1000000000)|list|length }}",
    "batched": "{{ [1]|batch(1000000000, 'x')|list|length }}",
    "indented": "{{ 'x'|indent(1000000000, true) }}",
    "lorem ipsum": "{{ lipsum(1000000) }}",
    "random": "{{ [1, 2]|random }}",
    "many messages": "{% for a in range(9999) %}" + ASKS + "{% endfor %}",
    "long messages": "{% for a in range(9999) %}{% set x %}" + "y" * 9_999 + "{{ 'z' }}{% endset %}{{ x }}"
    "{% endfor %}",
    "changed passages": "{{ passages.append(1) }}",
    "changed by do": "{% set ns = namespace() %}{% set ns.__class__ = 1 %}{{ ns.a }}",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_is_refused_soon(attack: str) -> None:
    begun = time.monotonic()
    with pytest.raises(InvalidPromptError):
        check_prompt(attack + ASKS)
    assert time.monotonic() - begun < 4


def test_an_attack_that_waits_for_its_question_is_stopped_when_rendered() -> None:
    sleeper = "{% if question == 'now' %}" + ATTACKS["nested ranges"] + "{% endif %}" + ASKS
    assert check_prompt(sleeper) == sleeper
    with pytest.raises(InvalidPromptError, match="steps"):
        render(sleeper, question="now", instructions="", history=[], passages=[])


def test_a_long_conversation_is_no_attack() -> None:
    turns = [{"role": "user", "content": "y" * 10_000}] * 400
    messages = render(PromptLibrary().text("base"), question="q", instructions="", history=turns, passages=[])
    assert len(messages) == 401


def test_what_prompts_need_of_the_language_works() -> None:
    text = (
        "{% set ns = namespace(n=0) %}{% for p in passages if p.section %}{% set ns.n = ns.n + 1 %}{% endfor %}"
        "{% set names = passages|map(attribute='title')|unique|join(', ') %}"
        '{% call message("user") %}{{ ns.n }} of {{ passages|length }}: {{ names|upper ~ "!" }} '
        "{% for p in passages[:1] %}{{ loop.index }}. {{ p.text.strip() }}{% else %}none{% endfor %} "
        "{{ question }}{% endcall %}"
    )
    assert check_prompt(text) == text
    (message,) = render(text, question="How?", instructions="", history=[], passages=PASSAGES)
    assert message["content"] == "1 of 2: MANUAL! 1. Clean it. How?"


@pytest.mark.parametrize("name", ["", "A", "a/b", "../a", "a@1", "a.b", "-a", "a" * 65, "a\n"])
def test_a_name_that_is_no_files_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        check_name(name)


def test_a_diff_shows_what_has_changed() -> None:
    assert diff("a\nb\n", "a\nc\n", "p@1", "p@2").splitlines() == [
        "--- p@1", "+++ p@2", "@@ -1,2 +1,2 @@", " a", "-b", "+c",
    ]  # fmt: skip
    assert diff("a", "a", "x", "y") == ""
