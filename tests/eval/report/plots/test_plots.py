import re

import pytest
from comparisons import ARMS, arm, comparison
from lxml import etree

from eval.report import plots
from eval.report.plots.palette import PROPERTIES, styles_of

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def forest() -> str:
    made = comparison()
    held = [one for one in made.differences if one.measure == "token_f1" and one.slice is None]
    svg = plots.draw_differences(made, held, "forest", narrow=True)
    assert svg is not None
    return svg


def test_colours_come_from_the_page_and_nothing_is_styled_in_place(forest: str) -> None:
    root = etree.fromstring(forest)
    values = [value for element in root.iter() for value in element.attrib.values()]
    bare = {one for one in values if re.fullmatch(r"#[0-9a-f]{6}", one)}
    assert bare == set()
    assert any(one.startswith("var(--accent") for one in values)
    assert not any("style" in element.attrib for element in root.iter())
    assert root.find(f".//{_SVG}style") is None
    assert root.find(f".//{_SVG}metadata") is None


def test_text_is_text_and_the_plot_is_told_in_words(forest: str) -> None:
    root = etree.fromstring(forest)
    assert "hybrid − rag" in {element.text for element in root.iter(f"{_SVG}text")}
    told = {element.get("id"): element.text for element in root.iter(f"{_SVG}title", f"{_SVG}desc")}
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == list(told)
    assert "hybrid less rag +15.7 (7.9 to 23.6), better" in told["forest-desc"]


def test_ids_begin_with_the_key_and_what_is_pointed_at_is_there(forest: str) -> None:
    root = etree.fromstring(forest)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(one.startswith("forest-") for one in ids)
    pointed = re.findall(r'(?:url\(|href=")#([^)"]+)', forest)
    assert pointed
    assert set(pointed) <= set(ids)


def test_the_same_figures_give_the_same_bytes(forest: str) -> None:
    made = comparison()
    held = [one for one in made.differences if one.measure == "token_f1" and one.slice is None]
    assert plots.draw_differences(made, held, "forest", narrow=True) == forest


def test_a_name_that_looks_like_markup_or_mathematics_is_drawn_as_it_is() -> None:
    name = "<b>$x^2$"
    made = comparison({name: ARMS["base"], "rag": ARMS["rag"]})
    svg = plots.draw_quality(made, "quality", narrow=False)
    assert svg is not None
    root = etree.fromstring(svg)
    assert name in {element.text for element in root.iter(f"{_SVG}text")}


def test_what_has_no_points_is_not_drawn() -> None:
    made = comparison({"base": ARMS["base"]}, arms=(arm("base", {"token_f1": None}, "base"),))
    assert plots.draw_quality(made, "k", narrow=False) is None
    assert plots.draw_differences(made, [], "k", narrow=False) is None
    assert plots.draw_cost(made, "k", "seconds") is None
    assert plots.draw_risk(made, "k") is None
    assert plots.draw_learning(made, "k") is None
    assert plots.draw_slices(made, "k", narrow=False) is None


def test_a_plot_of_money_needs_prices() -> None:
    made = comparison()
    arms = tuple(
        one.model_copy(update={"cost": one.cost.model_copy(update={"money_per_1000": None})})
        for one in made.arms
    )
    assert plots.draw_cost(made.model_copy(update={"arms": arms}), "k", "money") is None


def test_arms_of_the_same_adapter_share_one_learning_curve() -> None:
    svg = plots.draw_learning(comparison(), "k")
    assert svg is not None
    assert "tuned and hybrid" in svg


def test_arms_of_one_kind_look_different() -> None:
    arms = [arm(name, ARMS["rag"], "rag") for name in ("rag@1", "rag@2", "rag@3")]
    looks = styles_of(arms)
    assert len({(one.colour, one.marker) for one in looks.values()}) == 3
    assert {one.colour for one in looks.values()} <= set(PROPERTIES)
