import re
from base64 import b64encode
from hashlib import sha256

import pytest
from comparisons import ARMS, arm, comparison
from lxml import html

from eval.comparison import Comparison, Example
from eval.report import recommend, render_html
from eval.report.references import anchor, catalogue

HOSTILE = (
    "\"><script>alert(1)</script><img src=x onerror=alert(2)> '{{ 7*7 }} ]]> &amp; | `x` \u202egnp.exe $x$"
)
_SHOWN = HOSTILE.replace("\u202e", "\ufffd")


def _hostile() -> Comparison:
    name = f"a:b-c[d] {HOSTILE}"
    arms = (
        arm(name, ARMS["rag"], "rag", confusion={HOSTILE: {HOSTILE: 3, "": 1}}),
        arm("base", ARMS["base"], "base", model=HOSTILE, recipe_version=HOSTILE),
    )
    example = Example(
        case="1", question=HOSTILE, references=(HOSTILE,), answers={name: HOSTILE}, scores={name: 0.5}
    )
    tags = {HOSTILE: 4}
    made = comparison(
        {name: ARMS["rag"], "base": ARMS["base"]}, arms=arms, title=HOSTILE, command=HOSTILE, run=HOSTILE,
        created=HOSTILE, warnings=(HOSTILE,), examples=(example,), corpora={HOSTILE: {HOSTILE: HOSTILE}},
        eval_set={"name": HOSTILE, "tags": tags}, made_with={HOSTILE: [HOSTILE]}, partial=True,
    )  # fmt: skip
    facts = tuple(one.model_copy(update={"title": HOSTILE, "definition": HOSTILE}) for one in made.measures)
    made = made.model_copy(update={"measures": facts})
    return made.model_copy(update={"recommendation": recommend(made)})


MADE = comparison(warnings=("The judge is unproven: it agrees with people in too few cases.",))


@pytest.fixture(scope="module")
def text() -> str:
    return render_html(MADE)


@pytest.fixture(scope="module")
def page(text: str) -> html.HtmlElement:
    return html.document_fromstring(text)


@pytest.fixture(scope="module")
def hostile() -> html.HtmlElement:
    return html.document_fromstring(render_html(_hostile()))


def _sound(page: html.HtmlElement) -> None:
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    pointed = [one.removeprefix("#") for one in page.xpath("//@href") if one.startswith("#")]
    assert set(pointed) <= set(ids)
    assert page.xpath("//script | //img | //iframe | //object | //form | //@style | //@src") == []
    assert [
        one for one in page.xpath("//@*[name() != 'xmlns']") if re.match(r"\s*(https?:|//|javascript:)", one)
    ] == []
    assert [name for element in page.iter() for name in element.attrib if name.startswith("on")] == []


def test_ids_are_unique_links_resolve_and_nothing_comes_from_outside(page: html.HtmlElement) -> None:
    _sound(page)


def test_hostile_strings_are_shown_as_they_are(hostile: html.HtmlElement) -> None:
    _sound(hostile)
    shown = hostile.text_content()
    assert shown.count("alert(1)") > 20
    assert "\u202e" not in shown
    assert shown.count("alert(1)") - shown.count(_SHOWN) <= shown.count("…")
    for path in (
        "//h1",
        "//article//h3",
        "//article//p[@class='text']",
        "//pre",
        "//div[@role='note']//li[2]",
    ):
        assert hostile.xpath(path)[0].text_content() == _SHOWN


def test_the_policy_lets_only_this_stylesheet_pass(text: str, page: html.HtmlElement) -> None:
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    style = text[text.index("<style>") + len("<style>") : text.index("</style>")]
    known = b64encode(sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{known}'" in policy
    assert "unsafe" not in policy


def test_warnings_come_before_the_recommendation_and_that_before_all_else(text: str) -> None:
    places = [text.index(one) for one in ("Read this first", "Serve hybrid", "<h2>Summary", "<h2>Method")]
    assert places == sorted(places)


def test_each_sentence_points_at_the_places_of_its_figures(page: html.HtmlElement) -> None:
    for sentence in MADE.recommendation:
        (said,) = [
            one
            for one in page.xpath("//section[@id='recommendation']//p | //li")
            if one.text == sentence.text
        ]
        assert said.xpath(".//a/@href") == [f"#{anchor(name)}" for name in sentence.figures]


def test_the_place_of_a_figure_shows_the_figure(page: html.HtmlElement) -> None:
    def shown(name: str) -> str:
        return page.get_element_by_id(anchor(name)).text_content()

    assert shown("token_f1:hybrid").startswith("39.8")
    assert "+15.7" in shown("token_f1:hybrid-rag")
    assert "−9.0" in shown("token_f1:hybrid-rag[table]")
    assert "1.84 s" in shown("cost:hybrid")


def test_every_figure_of_the_comparison_has_a_place(page: html.HtmlElement) -> None:
    ids = set(page.xpath("//@id"))
    assert {name for name in catalogue(MADE) if anchor(name) not in ids} == set()


def test_a_difference_that_was_shown_is_marked_in_the_summary(page: html.HtmlElement) -> None:
    rows = {row.xpath("string(th)"): row for row in page.xpath("//section[@id='summary']//tbody/tr")}
    (rag,) = [row for title, row in rows.items() if "rag" in title]
    assert rag.xpath("td[1]//span/@title") == ["shown to be worse"]
    (hybrid,) = [row for title, row in rows.items() if "hybrid" in title]
    assert hybrid.xpath(".//td//span") == []
    assert hybrid.get("class") == "served"


def test_the_same_comparison_gives_the_same_page_after_a_way_through_json(text: str) -> None:
    assert render_html(Comparison.model_validate_json(MADE.model_dump_json())) == text


def test_what_is_not_there_leaves_no_hole() -> None:
    bare = arm("rag", {"token_f1": None}, "rag", slices=(), risk_coverage=())
    made = comparison({"rag": ARMS["rag"]}, arms=(bare,), examples=(), made_with={}, measures=())
    page = html.document_fromstring(render_html(made.model_copy(update={"recommendation": recommend(made)})))
    _sound(page)
    assert "Nothing can be recommended" in page.text_content()
    assert page.xpath("//figure") == []


def test_a_measure_without_values_is_not_listed() -> None:
    made = comparison({"base": ARMS["base"]})
    page = html.document_fromstring(render_html(made))
    measures = page.xpath("//section[@id='stages']//tbody//summary/text()")
    assert "F1 of words" in measures
    assert "nDCG@10" not in measures


def test_classes_are_shown_with_those_that_name_none_last(hostile: html.HtmlElement) -> None:
    (matrix,) = hostile.xpath("//table[@class='matrix']")
    assert [th.text_content() for th in matrix.xpath(".//thead//th")] == ["right \\ said", _SHOWN, "none"]
    assert matrix.xpath(".//tbody//td/text()") == ["3", "1"]
    assert matrix.xpath(".//tbody//td/@class") == ["right-3", "wrong-1"]
