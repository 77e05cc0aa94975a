"""The report in short, for a README or the summary of a job."""

import re

from eval.comparison import Comparison
from eval.report import tables
from eval.report.choosing import choose
from eval.report.sentences.phrases import leading_facts
from eval.report.topics import TOPICS, by_topic
from eval.report.wording import cleaned, shortened

_SPECIAL = re.compile(r"([\\\\`*_{}\[\]<>#|~$&])")
_LONGEST = 300


def render_markdown(comparison: Comparison) -> str:
    """Recommendation, summary, differences and cost as GitHub reads Markdown. Same comparison, same text."""
    comparison = cleaned(comparison)
    choice, facts = choose(comparison), leading_facts(comparison)
    parts = [f"# {escaped(comparison.title)}"]
    warnings = list(comparison.warnings)
    if comparison.partial:
        warnings.insert(
            0, "The run was ended before everything was asked or judged: this report is of a part."
        )
    parts += [f"> **Read this first:** {escaped(warning)}" for warning in warnings]
    parts.append("## Recommendation")
    for topic, sentences in by_topic(comparison):
        said = [escaped(one.text) for one in sentences]
        if topic == "choice":
            parts += [f"**{said[0]}**", *said[1:]]
        else:
            parts.append("\n".join([f"**{TOPICS[topic]}**", "", *(f"- {one}" for one in said)]))
    parts += ["## Summary", table_text(tables.summary(comparison, choice))]
    if choice is not None:
        parts.append(
            f"▲ ▼: shown to be better, worse than {escaped(choice.serve.name)}. Intervals are of 95%."
        )
    differences = tables.differences(comparison, comparison.leading)
    if differences.rows:
        parts += [f"## Differences in {escaped(facts.title)}", table_text(differences)]
    parts += ["## Cost", table_text(tables.costs(comparison))]
    bases = dict.fromkeys(arm.cost.money_basis for arm in comparison.arms if arm.cost.money_basis)
    parts += [f"Money: {escaped(basis)}." for basis in bases]
    parts.append(
        f"Made by `{_inline(comparison.command)}`, run `{_inline(comparison.run)}`, {escaped(comparison.created)}."
    )
    return "\n\n".join(parts) + "\n"


def table_text(table: tables.Table) -> str:
    """The table with pipes; figures stand to the right."""
    lines = [_line(table.head), _line(["---", *("---:" for _ in table.head[1:])], plain=True)]
    for row in table.rows:
        cells = [
            f"{one.text}{f' ({one.below})' if one.below else ''} {one.mark}".rstrip() for one in row.cells
        ]
        lines.append(_line([row.title, *cells]))
    return "\n".join(lines)


def escaped(text: str) -> str:
    """The text on one line, so that nothing of it is read as Markdown or HTML."""
    line = shortened(" ".join(text.split()), 4 * _LONGEST)
    return re.sub(r"^([-+]|\d+\.)(?=\s)", r"\\\1", _SPECIAL.sub(r"\\\1", line))


def _line(cells: list[str] | tuple[str, ...], *, plain: bool = False) -> str:
    return "| " + " | ".join(one if plain else escaped(shortened(one, _LONGEST)) for one in cells) + " |"


def _inline(text: str) -> str:
    """Within backticks nothing can be escaped."""
    return " ".join(text.replace("`", "'").split())
