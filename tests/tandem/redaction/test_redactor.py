"""What is found is taken out, whole and once; how much that is, is measured on a set of our own."""

import socket
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from votes import TRACE

from bench.redaction import KINDS, count
from tandem.errors import SettingsError
from tandem.redaction import Redactor, open_redactor, redacted_trace
from tandem.redaction.redactor import Find
from tandem.settings import TraceSettings

needs_presidio = pytest.mark.skipif(
    find_spec("presidio_analyzer") is None, reason="the extra `redaction` is not installed"
)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    opened = open_redactor(TraceSettings(redact=KINDS))
    assert opened is not None
    return opened


def always(*finds: Find) -> Redactor:
    return Redactor([lambda text: iter(finds)])


def test_nothing_is_opened_where_nothing_is_to_be_taken_out() -> None:
    assert open_redactor(TraceSettings()) is None
    assert redacted_trace(TRACE, None) is TRACE


def test_finds_that_overlap_are_one_of_the_likeliest_kind_then_of_the_longest() -> None:
    weak, strong = Find(0, 8, "phone", 0.4), Find(2, 9, "card", 1.0)
    assert always(weak, strong).redact("0123456789") == "[CARD]9"
    longer = Find(1, 10, "iban", 0.4)
    assert always(longer, weak).redact("0123456789") == "[IBAN]"


def test_finds_beside_each_other_are_both_taken_out() -> None:
    finds = always(Find(4, 8, "ip", 0.6), Find(0, 4, "email", 0.5))
    assert finds.redact("aaaabbbbcc") == "[EMAIL][IP]cc"


def test_a_trace_loses_it_from_question_answer_and_quotes() -> None:
    hidden = always(Find(0, 2, "name", 0.4))
    trace = redacted_trace(replace(TRACE, citations=[{"n": 1, "quote": "closes"}, {"n": 2}]), hidden)
    assert (trace.question, trace.answer) == ("[NAME]en does the gate close?", "[NAME] seven [1].")
    assert trace.citations == [{"n": 1, "quote": "[NAME]oses"}, {"n": 2, "quote": "[NAME]"}]


@needs_presidio
def test_what_our_set_marks_is_found_and_little_else(redactor: Redactor) -> None:
    found = count(redactor)
    assert found.marked.total() == 48
    assert found.recall() == 1.0
    assert found.precision() >= 0.95


@needs_presidio
def test_a_number_with_a_wrong_check_digit_is_nobodys(redactor: Redactor) -> None:
    text = "Card 4111 1111 1111 1112 and IBAN DE88 3704 0044 0532 0130 00"
    assert {find.kind for find in redactor.finds(text)} & {"card", "iban"} == set()


@needs_presidio
def test_a_weak_pattern_counts_only_beside_a_word_that_says_what_it_is(redactor: Redactor) -> None:
    assert redactor.redact("The number is 536904391 here") == "The number is 536904391 here"
    assert redactor.redact("Her social security number is 536904391") == (
        "Her social security number is [NATIONAL_ID]"
    )


@needs_presidio
def test_nothing_is_asked_of_another_machine(redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("it reaches out")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert redactor.redact("ann@quorvex.internal and ann@example.com") == "[EMAIL] and [EMAIL]"


@needs_presidio
def test_half_a_character_is_no_stumbling_block(redactor: Redactor) -> None:
    assert redactor.redact("a\ud800 ann@example.org \x00") == "a\ud800 [EMAIL] \x00"


@needs_presidio
def test_names_are_found_by_the_model_that_is_named(tmp_path: Path) -> None:
    import spacy

    language = spacy.blank("en")
    # A model of one rule: what is tested is the way to it.
    language.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ann Lee"}])
    language.to_disk(tmp_path / "model")
    settings = TraceSettings(redact=("name",), redact_names_with=str(tmp_path / "model"))
    opened = open_redactor(settings)
    assert opened is not None
    assert opened.redact("Ask Ann Lee of Berlin.") == "Ask [NAME] of Berlin."


@needs_presidio
def test_a_model_that_is_not_there_is_said_at_the_start() -> None:
    with pytest.raises(SettingsError, match="not_a_model"):
        open_redactor(TraceSettings(redact=("name",), redact_names_with="not_a_model"))


def test_without_the_package_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.extras.find_spec", lambda name: None)
    with pytest.raises(SettingsError) as refused:
        open_redactor(TraceSettings(redact=("email",)))
    assert refused.value.hint is not None and "redaction" in refused.value.hint
