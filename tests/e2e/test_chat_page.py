"""The chat page in a real Chromium."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
QUESTION = "What does Tandem say when the documents do not say it?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    installed = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, tandem) -> Iterator[Page]:
    page = browser.new_page()
    requested: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(tandem.url)
    yield page
    assert [url for url in requested if not url.startswith((tandem.url, "data:", "blob:"))] == []
    assert faults == []
    page.close()


def test_a_question_is_answered_in_pieces_and_its_citation_opens_the_document(page: Page) -> None:
    page.get_by_role("textbox").fill(QUESTION)
    page.get_by_role("textbox").press("Enter")
    mark = page.get_by_role("button", name="Citation 1").first
    expect(mark).to_be_visible(timeout=90_000)
    mark.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("mark").first).to_be_in_viewport()
    expect(dialog.locator("mark").first).not_to_be_empty()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_stop_ends_the_answer(page: Page) -> None:
    page.get_by_role("textbox").fill(QUESTION)
    page.get_by_role("button", name="Send").click()
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_visible()
    stop.click()
    expect(page.get_by_text("Stopped").first).to_be_attached()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
