"""The chat page as it is served: types, headers, and nothing from elsewhere."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import server.web
from server.api.errors import install_error_responses
from server.web import web_router

_FOLDER = Path(server.web.__file__).parent
_FILES = [_FOLDER / "index.html", *sorted((_FOLDER / "assets").iterdir())]
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_TEXT = ["ink/page", "ink/surface", "ink/sunken", "ink/tint", "ink/fault-tint", "fault/fault-tint"]
_TEXT += [
    "soft-ink/page",
    "soft-ink/surface",
    "soft-ink/sunken",
    "accent/page",
    "accent/surface",
    "accent/tint",
]
_TEXT += ["on-accent/accent", "on-accent/accent-hover", "on-highlight/highlight"]
_BORDERS = ["edge/page", "edge/surface", "edge/sunken", "edge/fault-tint", "accent/fault-tint"]


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    install_error_responses(app)
    app.include_router(web_router())
    return TestClient(app)


def path_of(file: Path) -> str:
    return "/" if file.name == "index.html" else f"/assets/{file.name}"


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_a_file_is_served_with_its_type_and_strict_headers(client: TestClient, file: Path) -> None:
    response = client.get(path_of(file))
    assert (response.status_code, response.content) == (200, file.read_bytes())
    assert response.headers["content-type"] == _TYPES[file.suffix]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    policy = response.headers["content-security-policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_a_file_that_the_browser_has_is_not_sent_again(client: TestClient, file: Path) -> None:
    first = client.get(path_of(file))
    assert first.headers["cache-control"] == "no-cache"
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = client.get(path_of(file), headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert client.get(path_of(file), headers={"If-None-Match": '"other"'}).status_code == 200


def test_two_files_have_two_etags(client: TestClient) -> None:
    assert len({client.get(path_of(file)).headers["etag"] for file in _FILES}) == len(_FILES)


def test_head_is_answered(client: TestClient) -> None:
    assert client.head("/").status_code == client.head("/assets/chat.js").status_code == 200


@pytest.mark.parametrize("name", ["none.js", "index.html", "__init__.py", "..%2F__init__.py", "%2e%2e/x", ""])
def test_only_the_assets_are_assets(client: TestClient, name: str) -> None:
    response = client.get(f"/assets/{name}")
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_no_file_names_another_host(file: Path) -> None:
    # The name space of SVG is a name that looks like an address; nothing is fetched from it.
    text = file.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert re.findall(r"(?:https?:|wss?:)?//[\w.-]+\.\w+", re.sub(r"/\*.*?\*/", "", text, flags=re.S)) == []
    assert not re.search(r"@import|url\(", text)


def test_the_page_has_no_inline_script_or_style() -> None:
    page = (_FOLDER / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []
    assert re.findall(r">\s*[^<\s][^<]*</script>", page) == []


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_every_reference_leads_to_an_asset(client: TestClient, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="(/[^"]*)"', text) + [
        f"/assets/{name}" for name in re.findall(r'from "\./([^"]+)"', text)
    ]
    assert [path for path in named if client.get(path).status_code != 200] == []


def test_no_script_turns_text_into_markup() -> None:
    for file in _FILES:
        written = re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|DOMParser", file.read_text()
        )
        assert written is None, f"{file.name}: {written}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_meet_wcag_aa(scheme: str) -> None:
    colours = colours_of(scheme)
    contrasts = {pair: contrast(*(colours[name] for name in pair.split("/"))) for pair in _TEXT + _BORDERS}
    assert {pair: ratio for pair, ratio in contrasts.items() if ratio < (4.5 if pair in _TEXT else 3)} == {}


def colours_of(scheme: str) -> dict[str, str]:
    """The properties of the first block of the stylesheet (light), or of the second (dark)."""
    css = (_FOLDER / "assets" / "style.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, flags=re.S)[:2]
    return dict(re.findall(r"--([\w-]+): #([0-9a-f]{6});", light if scheme == "light" else dark))


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colours in hex."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
