"""The chat page in a real Chromium, where its server misbehaves or its documents are hostile.

The page and its modules come from the real routes; the API behind them is faked, to force the faults.
"""

import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from server.web import web_router

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
_ARGUMENTS += ["--disable-background-networking", "--disable-component-update"]
_QUOTE = "The 🚲 has two saddles."
_HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
_DOCUMENT = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = FastAPI()
    app.include_router(web_router())
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    installed = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 320, "height": 640})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.route(
        "**/v1/models", lambda route: route.fulfill(json={"data": [{"id": "tandem"}, {"id": "tandem:base"}]})
    )
    corpora = {"corpora": [{"name": "bikes", "documents": 1, "chunks": 2}]}
    page.route("**/api/corpora", lambda route: route.fulfill(json=corpora))
    page.goto(address)
    yield page
    assert faults == []
    page.close()


def citation(start: int, quote: str = _QUOTE) -> dict[str, Any]:
    place = {"page": 2, "section": None, "start": start, "end": start + len(quote)}
    named = {"n": 1, "document_id": _DOCUMENT, "corpus": "bikes", "title": "Bikes", "uri": "bikes.md"}
    return named | place | {"quote": quote, "score": 0.7}


def fake_answer(
    text: str, *citations: dict[str, Any], abstained: bool = False, token: str | None = None
) -> str:
    tandem = {"citations": citations, "recipe": "rag", "trace_id": "t1", "timings": {"generate": 1.5}}
    tandem["feedback_token"] = token
    chunks = [
        {"choices": [{"delta": {"content": text}, "finish_reason": None}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "tandem": tandem | {"abstained": abstained}},
    ]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def fake_chat(page: Page, *responses: dict[str, Any] | str) -> list[dict[str, Any]]:
    """Answer the questions in this order; gives the list that their requests are added to."""
    asked: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        response = responses[len(asked) - 1]
        if isinstance(response, str):
            response = {"body": response, "content_type": "text/event-stream"}
        route.fulfill(**response)

    page.route("**/v1/chat/completions", answer)
    return asked


def fake_document(page: Page, text: str, pages: list[dict[str, int]] | None = None) -> None:
    found = {"id": _DOCUMENT, "title": "Bikes", "text": text, "pages": pages or []}
    page.route(f"**/api/corpora/bikes/documents/{_DOCUMENT}", lambda route: route.fulfill(json=found))


def ask(page: Page, question: str) -> None:
    page.get_by_role("textbox").fill(question)
    page.get_by_role("textbox").press("Enter")


def error(kind: str, message: str, hint: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": message, "hint": hint}}


@pytest.fixture
def opened(page: Page) -> Callable[[str, dict[str, Any]], Page]:
    """Asks, and opens the citation of the answer in a document of this text."""

    def open_citation(text: str, cited: dict[str, Any]) -> Page:
        fake_document(page, text)
        fake_chat(page, fake_answer("Two. [1]", cited))
        ask(page, "How many saddles?")
        page.get_by_role("button", name="Citation 1: Bikes, page 2").click()
        return page

    return open_citation


def test_offsets_count_code_points_however_many_units_they_take(opened) -> None:
    before = "🚲𝔘nicode 日本 e\u0301\n" * 50
    page = opened(f"{before}{_QUOTE} After.", citation(len(before)))
    expect(page.locator("mark")).to_have_text(_QUOTE)
    expect(page.locator("mark")).to_be_in_viewport()


def test_a_long_document_shows_a_window_that_grows_to_the_whole(opened) -> None:
    before, after = "before 🚲\n" * 4_000, "\nafter" * 5_000
    page = opened(before + _QUOTE + after, citation(len(before)))
    expect(page.locator("mark")).to_have_text(_QUOTE)
    assert len(page.locator(".body").text_content() or "") < 21_000
    for name in ("Show earlier text", "Show later text"):
        while page.get_by_role("button", name=name).is_visible():
            page.get_by_role("button", name=name).click()
    assert page.locator(".body").text_content() == before + _QUOTE + after


def test_words_that_have_moved_are_found_and_words_that_are_gone_are_said_to_be(opened) -> None:
    page = opened(f"A new first line.\n{_QUOTE}", citation(0))
    expect(page.locator("mark")).to_have_text(_QUOTE)
    page.keyboard.press("Escape")
    page.unroute_all()
    fake_document(page, "All is new.")
    page.get_by_role("button", name="Source 1").click()
    expect(page.get_by_text("The document has changed")).to_be_visible()
    expect(page.locator("mark")).to_have_count(0)


def test_focus_goes_into_the_document_and_back_to_the_mark(opened) -> None:
    page = opened(_QUOTE, citation(0))
    expect(page.locator("mark")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.getElementById('source').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Citation 1")).to_be_focused()


def test_text_of_models_and_documents_never_becomes_markup(opened) -> None:
    page = opened(
        f"{_HOSTILE}{_QUOTE}", citation(len(_HOSTILE)) | {"title": "Bikes", "uri": "javascript:alert(1)"}
    )
    expect(page.locator(".body")).to_contain_text(_HOSTILE)
    assert page.locator("#source a").count() == 0
    page.keyboard.press("Escape")
    page.unroute_all()
    fake_chat(page, fake_answer(f"- **{_HOSTILE}**\n\n```\n{_HOSTILE}\n```\n\n`{_HOSTILE}` [7]"))
    ask(page, _HOSTILE)
    answer = page.locator(".answer").last
    expect(answer.locator("pre")).to_have_text(_HOSTILE)
    expect(answer.locator("strong")).to_have_text(_HOSTILE)
    expect(answer).to_contain_text("[7]")
    assert page.locator("#log img, #log script").count() == 0
    assert page.title() == "Tandem"


def test_a_starting_engine_is_asked_again_when_it_said_so(page: Page) -> None:
    starting = error("engine_unavailable_error", "The engine is starting", "Wait a little.")
    asked = fake_chat(
        page, {"status": 503, "json": starting, "headers": {"Retry-After": "1"}}, fake_answer("Two.")
    )
    ask(page, "How many saddles?")
    expect(page.get_by_role("alert")).to_contain_text("The engine is starting")
    expect(page.get_by_role("button", name="Try again now")).to_be_visible()
    expect(page.locator(".answer")).to_have_text("Two.")
    assert asked[0] == asked[1]
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_fault_in_mid_stream_leaves_the_text_and_offers_another_try(page: Page) -> None:
    broken = fake_answer("Two sad").split("\n\n")[0] + "\n\n"
    broken += f"data: {json.dumps(error('engine_failed_error', 'The engine broke off', 'Ask again.'))}\n\n"
    fake_chat(page, broken, fake_answer("Two saddles."))
    ask(page, "How many saddles?")
    expect(page.get_by_role("alert")).to_have_text("The engine broke offAsk again.")
    expect(page.locator(".answer")).to_have_text("Two sad")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".answer")).to_have_text("Two saddles.")


def test_a_stream_that_just_ends_is_a_fault(page: Page) -> None:
    fake_chat(page, fake_answer("Two").replace("data: [DONE]\n\n", ""))
    ask(page, "How many saddles?")
    expect(page.get_by_role("alert")).to_contain_text("The answer broke off")


def test_what_failed_is_not_part_of_the_conversation(page: Page) -> None:
    refused = error("too_large_error", "Too long", "Ask a shorter question.")
    asked = fake_chat(page, fake_answer("One."), {"status": 413, "json": refused}, fake_answer("Three."))
    page.get_by_label("Corpus").select_option("bikes")
    for number, shown in enumerate(("One.", "Too long", "Three."), start=1):
        ask(page, f"Question {number}?")
        expect(page.locator(".turn").last).to_contain_text(shown)
    said = [("user", "Question 1?"), ("assistant", "One."), ("user", "Question 3?")]
    assert [(message["role"], message["content"]) for message in asked[2]["messages"]] == said
    assert (asked[2]["model"], asked[2]["tandem"], asked[2]["stream"]) == (
        "tandem",
        {"corpora": ["bikes"]},
        True,
    )
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)


def test_an_abstention_looks_like_one(page: Page) -> None:
    fake_chat(page, fake_answer("I don't know.", abstained=True))
    ask(page, "How many saddles?")
    expect(page.locator(".abstention")).to_contain_text("No passage supports an answer")
    expect(page.get_by_role("status")).to_have_text("No passage supports an answer")


def test_nothing_is_wider_than_a_narrow_phone(page: Page) -> None:
    fake_chat(
        page, fake_answer("`" + "x" * 400 + "`\n\n```\n" + "y" * 400 + "\n```\n\n[1]", citation(0, "z" * 400))
    )
    ask(page, "w" * 400)
    expect(page.get_by_role("status")).to_have_text("Answer complete, 1 citation")
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_passages_in_place_of_an_answer_are_said_to_be_that_and_are_not_taken_for_one(page: Page) -> None:
    text = f"The answer could not be written.\n\n[1] Bikes, page 2: “{_QUOTE}”"
    told = {"citations": [citation(0)], "recipe": "rag", "trace_id": "t1", "timings": {}, "abstained": False}
    chunks = [
        {"choices": [{"delta": {"content": text}, "finish_reason": None}]},
        {
            "choices": [{"delta": {}, "finish_reason": "stop"}],
            "tandem": told | {"degraded": True, "degraded_reason": "restarting"},
        },
    ]
    degraded = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    asked = fake_chat(page, degraded, fake_answer("Two. [1]", citation(0)), fake_answer("Yes."))
    ask(page, "How many saddles?")
    expect(page.get_by_text("The answer could not be written", exact=True)).to_be_visible()
    expect(page.get_by_text("is being started again")).to_be_visible()
    expect(page.locator("#log .fault")).to_have_count(0)
    expect(page.get_by_role("heading", name="Best passages")).to_be_visible()
    expect(page.locator(".sources blockquote")).to_have_text(_QUOTE)
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator(".answer")).to_contain_text("Two.")
    expect(page.get_by_text("The answer could not be written", exact=True)).to_have_count(0)
    ask(page, "Are they soft?")
    expect(page.locator(".answer").last).to_contain_text("Yes.")
    said = [message["content"] for message in asked[-1]["messages"]]
    assert said == ["How many saddles?", "Two. [1]", "Are they soft?"]


def fake_votes(page: Page, *statuses: int) -> list[dict[str, Any]]:
    """Take votes, answering with these statuses and then with 200; gives the list that they are added to."""
    votes: list[dict[str, Any]] = []

    def take(route: Route) -> None:
        status = statuses[len(votes)] if len(votes) < len(statuses) else 200
        request = route.request
        taken_back = {"taken back by": request.headers.get("feedback-token")}
        votes.append(taken_back if request.method == "DELETE" else request.post_data_json)
        refusal = error("not_found_error", "There is no trace", "")
        route.fulfill(status=status, json=refusal if status != 200 else {})

    page.route("**/api/traces/t1/feedback", take)
    return votes


def test_a_good_answer_is_voted_on_with_one_press(page: Page) -> None:
    votes = fake_votes(page)
    fake_chat(page, fake_answer("Two.", token="voter.signature"))
    ask(page, "How many saddles?")
    good = page.get_by_role("button", name="Good answer")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("Noted").first).to_be_visible()
    assert votes == [{"feedback_token": "voter.signature", "verdict": "up"}]
    expect(page.get_by_role("form", name="What was wrong with this answer")).to_have_count(0)


def test_after_a_bad_answer_a_keyboard_says_what_would_have_been_better(page: Page) -> None:
    votes = fake_votes(page)
    fake_chat(page, fake_answer("Two.", token="voter.signature"))
    ask(page, "How many saddles?")
    bad = page.get_by_role("button", name="Bad answer")
    bad.focus()
    page.keyboard.press("Enter")
    form = page.get_by_role("form", name="What was wrong with this answer")
    expect(form).to_be_visible()
    assert votes == [{"feedback_token": "voter.signature", "verdict": "down"}]
    # The page's own width is that of a small phone.
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    form.get_by_role("checkbox", name="Incomplete").focus()
    page.keyboard.press("Space")
    form.get_by_label("What should it have said?").focus()
    page.keyboard.type("Three.")
    form.get_by_role("button", name="Send").focus()
    page.keyboard.press("Enter")
    expect(form).to_have_count(0)
    expect(bad).to_be_focused()
    assert votes[1:] == [
        {
            **{"feedback_token": "voter.signature", "verdict": "down"},
            **{"correction": "Three.", "comment": "", "tags": ["Incomplete"]},
        }
    ]


def test_the_same_thumb_again_takes_the_vote_back(page: Page) -> None:
    votes = fake_votes(page)
    fake_chat(page, fake_answer("Two.", token="voter.signature"))
    ask(page, "How many saddles?")
    bad = page.get_by_role("button", name="Bad answer")
    bad.click()
    form = page.get_by_role("form", name="What was wrong with this answer")
    expect(form).to_be_visible()
    bad.click()
    expect(bad).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_text("Taken back").first).to_be_visible()
    expect(form).to_have_count(0)
    assert votes[1:] == [{"taken back by": "voter.signature"}]
    bad.click()
    expect(form).to_be_visible()
    assert votes[2:] == [{"feedback_token": "voter.signature", "verdict": "down"}]


def test_a_vote_that_could_not_be_taken_back_stays(page: Page) -> None:
    votes = fake_votes(page, 200, 503)
    fake_chat(page, fake_answer("Two.", token="voter.signature"))
    ask(page, "How many saddles?")
    good = page.get_by_role("button", name="Good answer")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    good.click()
    expect(page.get_by_text("Not noted: There is no trace").first).to_be_visible()
    expect(good).to_have_attribute("aria-pressed", "true")
    assert len(votes) == 2


def test_a_vote_that_is_refused_is_said_and_is_no_vote(page: Page) -> None:
    votes = fake_votes(page, 404)
    fake_chat(page, fake_answer("Two.", token="voter.signature"))
    ask(page, "How many saddles?")
    good = page.get_by_role("button", name="Good answer")
    good.click()
    expect(page.get_by_text("Not noted: There is no trace").first).to_be_visible()
    expect(good).to_have_attribute("aria-pressed", "false")
    assert len(votes) == 1


def test_an_answer_that_is_not_kept_offers_no_vote(page: Page) -> None:
    fake_chat(page, fake_answer("Two."))
    ask(page, "How many saddles?")
    expect(page.get_by_text("How this was answered")).to_be_visible()
    expect(page.get_by_role("button", name="Good answer")).to_have_count(0)
