"""Of a page its content is read, whole, and nothing of what stands around it."""

import pytest
from readings import blocks, exact, sections

from ingest.formats import html

MANUAL = """<!doctype html><html lang="en"><head><title>Install - Widget</title><script>track()</script>
<style>nav{color:red}</style></head><body>
<div id="cookie-consent" class="banner"><p>We use cookies to improve your visit.</p><button>Accept all</button></div>
<header class="site-header"><a href="/">Widget</a><nav><ul><li><a href="/a">Products</a></li>
<li><a href="/b">Pricing</a></li></ul></nav></header>
<div class="layout has-sidebar"><aside class="sidebar"><ul><li><a href="/i">Install</a></li>
<li><a href="/u">Upgrade guide</a></li></ul></aside>
<main><nav class="breadcrumbs"><a href="/">Home</a> &gt; <a href="/docs">Docs</a></nav>
<h1>Install Widget<a class="headerlink" href="#install">¶</a></h1>
<p>Widget runs on Linux. It needs <strong>Python 3.11</strong> or newer. See <a href="https://widget.example/x">the list</a>
or <a href="/other">another page</a>.</p>
<h2>From a package</h2><pre><code class="language-sh">pip install widget
widget serve --port 8000</code></pre>
<h2>Settings</h2><table><thead><tr><th>Name</th><th>Default</th></tr></thead><tbody>
<tr><td>port</td><td>8000</td></tr><tr><td>host</td><td>127.0.0.1</td></tr></tbody></table>
<ul><li>First do this.</li><li>Then do <a href="/that">that</a>.</li></ul>
<p><img src="data:image/png;base64,AAAA" alt="A diagram"></p></main></div>
<footer class="site-footer"><p>Copyright 2026 Widget Inc.</p><a href="/privacy">Privacy</a></footer></body></html>"""

NEWS = """<html><head><title>Harbour reopens</title></head><body>
<div class="topbar"><a href="/subscribe">Subscribe now</a></div>
<div class="links"><a href="/w">World</a> <a href="/s">Sport</a> <a href="/c">Culture</a></div>
<div class="content"><div class="article-body"><h1>Harbour reopens</h1><div class="byline">By Ann Lee</div>
<p>The harbour of Dover opened again on Monday after the strongest storm in twenty years had closed it.</p>
<p>Eleven ferries waited outside. "We have never seen waves like these," said harbour master Tom Hill.</p>
<h2>What comes next</h2><p>The ministry wants to raise the breakwater by two metres.</p></div>
<div class="related"><h3>Related articles</h3><ul><li><a href="/1">Ten best beaches</a></li></ul></div>
<div class="social-share"><a href="#">Share on Facebook</a><a href="#">Tweet</a></div>
<div id="comments"><h3>Comments</h3><p>Nice article, thanks!</p></div></div>
<div class="newsletter-signup"><p>Sign up for our newsletter</p><form><input name=email></form></div>
<div id="footer">All rights reserved.</div></body></html>"""

ENCYCLOPEDIA = """<!DOCTYPE html><html><body class="skin"><div id="mw-navigation"><h2>Navigation menu</h2>
<ul><li><a href="/l">Log in</a></li></ul></div><div id="content" role="main"><h1>Tide</h1>
<div id="toc" class="toc"><h2>Contents</h2><ul><li><a href="#a">1 Causes</a></li></ul></div>
<p><b>Tides</b> are the rise and fall of sea levels caused by the Moon.</p>
<table class="infobox"><tr><th>Period</th><td>12.4 h</td></tr></table>
<h2>Causes<span class="mw-editsection">[edit]</span></h2><p>The Moon pulls on the water.</p>
<blockquote>Time and tide wait for no man.</blockquote></div><div id="footer"><p>Privacy policy</p></div></body></html>"""


def test_of_a_manual_the_text_the_table_and_the_code_are_left() -> None:
    found = exact(html.main_content(MANUAL))
    assert found.text == (
        "# Install Widget\n\nWidget runs on Linux. It needs **Python 3.11** or newer. See"
        " [the list](https://widget.example/x) or another page.\n\n"
        "## From a package\n\n```sh\npip install widget\nwidget serve --port 8000\n```\n\n## Settings\n\n"
        "| Name | Default   |\n| ---- | --------- |\n| port | 8000      |\n| host | 127.0.0.1 |\n\n"
        "- First do this.\n- Then do that.\n\nA diagram"
    )
    assert sections(found) == [(1, "Install Widget"), (2, "From a package"), (2, "Settings")]
    assert [block.split("\n")[0] for block in blocks(found)] == ["```sh", "| Name | Default   |"]


@pytest.mark.parametrize(
    ("page", "kept", "gone"),
    [
        (
            NEWS,
            [
                "# Harbour reopens",
                "By Ann Lee",
                "opened again on Monday",
                "Tom Hill",
                "## What comes next",
                "two metres.",
            ],
            ["Subscribe", "World", "Related", "beaches", "Facebook", "Nice article", "newsletter", "rights"],
        ),
        (
            ENCYCLOPEDIA,
            ["# Tide", "**Tides** are", "| Period | 12.4 h |", "## Causes\n", "pulls on the water", "no man"],
            ["Navigation", "Log in", "Contents", "edit", "Privacy"],
        ),
    ],
)
def test_of_a_page_without_a_main_element_the_furniture_goes(
    page: str, kept: list[str], gone: list[str]
) -> None:
    text = exact(html.main_content(page)).text
    assert [words for words in kept if words not in text] == []
    assert [words for words in gone if words in text] == []


@pytest.mark.parametrize(
    "page",
    [
        "<html><body><h1>Opening hours</h1><p>Mon-Fri 9-17.</p><p>Phone: 555-0101</p></body></html>",
        '<body class="sidebar menu"><div class="menu"><h1>Opening hours</h1><p>Mon-Fri 9-17.</p>Phone: 555-0101</div>',
        '<div class="menu"><p>Opening hours: Mon-Fri 9-17.</p><p>Phone: 555-0101</p></div>',
        "<nav>Opening hours: Mon-Fri 9-17. <p>Phone: 555-0101</p></nav>",
        "<aside><main><p>Opening hours<p>Mon-Fri 9-17.<p>Phone: 555-0101</main></aside>",
        "<article>teaser</article><h1>Opening hours</h1>"
        + "<p>Mon-Fri 9-17, and more words of it.</p>" * 9
        + "555-0101",
        "<p>Opening hours<p>Mon-Fri 9-17.<p>555-0101" + "<!-- x " * 50,
    ],
)
def test_the_main_text_is_never_lost(page: str) -> None:
    text = exact(html.main_content(page)).text
    assert all(words in text for words in ("Opening hours", "Mon-Fri 9-17", "555-0101"))


def test_a_page_that_is_nothing_but_links_is_kept() -> None:
    page = "<ul>" + "".join(f'<li><a href="/{n}">Harbour {n}</a></li>' for n in range(20)) + "</ul>"
    assert "Harbour 19" in html.main_content(page).text


def test_letters_that_mean_something_in_markdown_and_html_stay() -> None:
    text = html.main_content("<p>R&amp;D &lt;x&gt; caf&eacute; 5 * 3 # snake_case</p>").text
    assert text == "R&D <x> café 5 * 3 # snake_case"
