"""The report as one page that stands alone: no script, no outside address, everything escaped."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from eval.comparison import Comparison
from eval.report import plots, tables
from eval.report.choosing import choose
from eval.report.confusions import confusions
from eval.report.contrasts import facts_of
from eval.report.plots.palette import styles_of
from eval.report.references import anchor, catalogue
from eval.report.sentences.phrases import leading_facts
from eval.report.topics import TOPICS, by_topic
from eval.report.wording import amount, cleaned, day

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Plot:
    """One drawing, or one for a desk and one for a phone."""

    wide: Markup
    narrow: Markup | None = None


def render_html(comparison: Comparison) -> str:
    """The whole page. The same comparison gives the same bytes."""
    comparison = cleaned(comparison)
    style = Markup((_TEMPLATES / "page.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    choice = choose(comparison)
    found = catalogue(comparison)
    page: str = (
        _templates()
        .get_template("page.html.jinja")
        .render(
            comparison=comparison,
            style=style,
            policy=_policy(style),
            choice=choice,
            facts=leading_facts(comparison),
            styles=styles_of(comparison.arms),
            topics=by_topic(comparison),
            numbers=_numbers(comparison),
            names={name: _said(comparison, name) for name in found},
            plots=_plots(comparison),
            summary=tables.summary(comparison, choice),
            stages=tables.stages(comparison),
            differences=tables.differences(comparison, comparison.leading),
            other_differences=_other_differences(comparison),
            slice_differences=tables.differences(comparison, comparison.leading, sliced=True),
            slices=tables.slices(comparison),
            other_slices=tables.other_slices(comparison),
            out_of_domain=tables.out_of_domain(comparison),
            costs=tables.costs(comparison),
            bases=_bases(comparison),
            confusions=confusions(comparison),
            flat=_flat,
            day=day(comparison.created),
            headings=TOPICS,
            settled=choice is not None and (choice.enough or choice.shown),
        )
    )
    return page


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"anchor": anchor, "amount": amount}
    return environment


def _policy(style: str) -> str:
    """Nothing but this very stylesheet, and pictures that stand in the page."""
    known = b64encode(sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{known}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _numbers(comparison: Comparison) -> dict[str, int]:
    """The number that each figure has in the recommendation, by where it is first named."""
    named = dict.fromkeys(
        name for _, sentences in by_topic(comparison) for one in sentences for name in one.figures
    )
    return {name: number for number, name in enumerate(named, 1)}


def _said(comparison: Comparison, name: str) -> str:
    """A figure's name for people: the title of its measure, then the arms."""
    measure, _, rest = name.partition(":")
    facts = facts_of(comparison, measure)
    first = (
        facts.title if facts is not None else {"cost": "Cost", "confusion": "Classes"}.get(measure, measure)
    )
    return f"{first}: {rest}"


def _plots(comparison: Comparison) -> dict[str, Plot]:
    held = [one for one in comparison.differences if one.measure == comparison.leading and one.slice is None]
    drawn: dict[str, tuple[str | None, str | None]] = {
        "quality": _both(plots.draw_quality, comparison, key="quality"),
        "differences": _both(plots.draw_differences, comparison, held, key="differences"),
        "slices": _both(plots.draw_slices, comparison, key="slices"),
        "seconds": (plots.draw_cost(comparison, "seconds", "seconds"), None),
        "money": (plots.draw_cost(comparison, "money", "money"), None),
        "risk": (plots.draw_risk(comparison, "risk"), None),
        "learning": (plots.draw_learning(comparison, "learning"), None),
    }
    return {
        name: Plot(Markup(wide), Markup(narrow) if narrow else None)  # noqa: S704 - our own drawing, its text escaped
        for name, (wide, narrow) in drawn.items()
        if wide is not None
    }


def _both(draw: Any, *given: Any, key: str) -> tuple[str | None, str | None]:
    return draw(*given, f"plot-{key}", narrow=False), draw(*given, f"plot-{key}-narrow", narrow=True)


def _other_differences(comparison: Comparison) -> list[tuple[str, tables.Table]]:
    names = dict.fromkeys(one.measure for one in comparison.differences if one.measure != comparison.leading)
    found = []
    for name in names:
        facts = facts_of(comparison, name)
        for sliced in (False, True):
            table = tables.differences(comparison, name, sliced=sliced)
            if table.rows:
                title = facts.title if facts is not None else name
                found.append((f"{title}, by slice" if sliced else title, table))
    return found


def _bases(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(arm.cost.money_basis for arm in comparison.arms if arm.cost.money_basis))


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Facts of any depth as pairs of a name and a text."""
    if isinstance(value, Mapping):
        return [pair for key, one in value.items() for pair in _flat(one, f"{name} {key}".strip())]
    if isinstance(value, list | tuple):
        return [(name, ", ".join(str(one) for one in value))]
    return [(name, str(value))]
