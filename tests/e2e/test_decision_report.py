"""The decision report in a real Chromium: on a desk and on a phone, light and dark, on paper."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from comparisons import comparison
from playwright.sync_api import Browser, Page, sync_playwright

from eval.report import render_html

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_CLIPPED = """[...document.querySelectorAll('.plot svg')].filter(svg => svg.getBoundingClientRect().width > 0)
    .flatMap(svg => [...svg.querySelectorAll('text')].filter(text => {
        const [own, paper] = [text.getBoundingClientRect(), svg.parentElement.closest('.plot').getBoundingClientRect()];
        return own.left < paper.left || own.right > paper.right || own.top < paper.top || own.bottom > paper.bottom;
    }).map(text => text.textContent))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    installed = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "comparison.html"
    file.write_text(render_html(comparison(warnings=("One warning.",))), encoding="utf-8")
    return file


@pytest.fixture(params=[(1180, "light"), (1180, "dark"), (390, "light"), (390, "dark")], ids=str)
def page(request: pytest.FixtureRequest, browser: Browser, report: Path) -> Iterator[Page]:
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    requested: list[str] = []
    said: list[str] = []
    page.on("request", lambda one: requested.append(one.url))
    page.on("console", lambda one: said.append(one.text))
    page.on("pageerror", lambda one: said.append(str(one)))
    page.goto(report.as_uri())
    yield page
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []
    assert said == []
    page.close()


def test_the_report_fits_its_window_and_its_plots_their_frames(page: Page) -> None:
    assert page.evaluate(_OVERFLOW) == 0
    assert page.evaluate(_CLIPPED) == []


def test_a_sentence_leads_to_its_figure_below_the_bar_at_the_top(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.locator(".answer .mark").first.click()
    place = page.locator(":target")
    assert place.text_content() == "39.835.8 to 43.8"
    bar, figure = page.locator("header.top").bounding_box(), place.bounding_box()
    assert bar is not None
    assert figure is not None
    assert figure["y"] >= bar["y"] + bar["height"]


def test_ink_and_page_follow_the_scheme(page: Page) -> None:
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page_colour, letters = page.evaluate(
        "[getComputedStyle(document.documentElement).backgroundColor,"
        " getComputedStyle([...document.querySelectorAll('.plot text')].at(-1)).fill]"
    )
    assert page_colour == ("rgb(19, 21, 23)" if dark else "rgb(251, 250, 247)")
    assert letters == ("rgb(166, 171, 177)" if dark else "rgb(90, 94, 100)")


def test_on_paper_what_is_folded_is_open(page: Page) -> None:
    folded = page.locator("details.fold table").first
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.is_visible()
