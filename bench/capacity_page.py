"""Writes the figures of `docs/deployment.md` from the capacity model: python -m bench.capacity_page

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`. A test holds the page to what this gives.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from bench.capacity import SIZES, number, plan, sizes
from bench.capacity_figures import ASSUMPTIONS, RESULTS, Figure, measured

_ANSWER_S = 15
"""Seconds from a question to the end of its answer, where everybody asks all the time."""
PAGE = Path(__file__).parents[1] / "docs" / "deployment.md"


def parts() -> dict[str, str]:
    """What belongs between the marks, by name."""
    figures = measured()
    return {
        "sizing": sizing_table(figures),
        "arithmetic": arithmetic(figures),
        "at once": all_at_once(figures),
        "installed": installed_table(),
    }


def written(page: str, name: str, text: str) -> str:
    """The page with this part. Raises `SystemExit` where its marks are not there once."""
    between = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    new, found = between.subn(lambda match: f"{match[1]}\n{text}\n{match[2]}", page)
    if found != 1:
        raise SystemExit(f"{PAGE.name} must hold `<!-- generated: {name} -->` and `<!-- end -->` once")
    return new


def sizing_table(figures: Mapping[str, Figure]) -> str:
    """Those plans as a table in Markdown, a line for each."""
    heads: tuple[str, ...] = (
        "for",
        "people",
        "documents",
        "chunks",
        "questions/s at the peak",
        "tokens/s",
        "servers",
    )
    heads += (
        "135M on CPUs, or GPUs as assumed",
        "index: memory, disk",
        "machines",
        "first ingestion, on workers",
        "PostgreSQL",
    )
    rows: list[tuple[str, ...]] = [heads, ("---",) * len(heads)]
    for name, lines in sizes(figures).items():
        own = {one: why.default for one, why in ASSUMPTIONS.items()} | SIZES[name]
        of = {one: line.value for one, line in lines.items()}
        documents = own["chunks"] / figures["chunks_per_document"].value
        rows.append(
            (
                *(name, f"{own['users']:,.0f}", f"{_round(documents):,.0f}", f"{own['chunks']:,.0f}"),
                *(number(of["questions_per_s"]), number(of["tokens_per_s"]), f"{of['servers']:.0f}"),
                f"{of['engines_cpu']:,.0f}, or {of['engines_gpu']:.0f}",
                f"{number(of['index_memory_gib'])} GiB, {number(of['index_disk_gib'])} GiB",
                f"{of['index_machines']:.0f}",
                f"{_time(of['first_ingestion_days'])} on {of['workers']:.0f}",
                f"{number(of['database_gib'])} GiB",
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def arithmetic(figures: Mapping[str, Figure]) -> str:
    """Each line of the plan for the assumptions' defaults, with its formula; then what was measured and assumed."""
    found = {name: one.value for name, one in figures.items()}
    lines = plan({name: one.default for name, one in ASSUMPTIONS.items()} | found)
    rows = ["| figure | value | how |", "| --- | --- | --- |"]
    rows += [
        f"| `{name}` | {number(line.value)} {line.unit} | `{line.how}` |" for name, line in lines.items()
    ]
    rows += ["", "| measured | value | file |", "| --- | --- | --- |"]
    rows += [
        f"| `{name}` | {number(one.value)} {one.unit} | `{one.source}` |" for name, one in figures.items()
    ]
    rows += ["", "| assumed | value | why |", "| --- | --- | --- |"]
    rows += [
        f"| `{name}` | {why.default:,g} {why.unit} | {why.reason} |" for name, why in ASSUMPTIONS.items()
    ]
    return "\n".join(rows) + "\n"


def all_at_once(figures: Mapping[str, Figure]) -> str:
    """The plan for a question of everybody under way at any moment (Little's law), in a sentence."""
    hourly = 3600 / _ANSWER_S
    asked = {"questions_per_user_hour": hourly, "peak_factor": 1.0}
    found = {name: one.value for name, one in figures.items()}
    known = {name: one.default for name, one in ASSUMPTIONS.items()} | found | asked
    of = {name: line.value for name, line in plan(known).items()}
    return (
        f"Where each of the {known['users']:,.0f} people has a question under way at every moment, and an answer "
        f"takes {_ANSWER_S} s\n(`--questions-per-user-hour {hourly:g} --peak-factor 1`), "
        f"it is {number(of['questions_per_s'])} a second and "
        f"{number(of['tokens_per_s'])} tokens/s: {of['engines_cpu']:,.0f} replicas of the 135M model on CPUs, or "
        f"{of['engines_gpu']:.0f} GPUs as assumed, {of['servers']:.0f} servers,\nand "
        f"{number(of['index_cores_busy'])} cores of the index.\n"
    )


def installed_table() -> str:
    """Packages of each target, from `bench/results/installed.json`."""
    report = json.loads((RESULTS / "installed.json").read_text())
    rows = ["| target | packages | MB | of it the largest |", "| --- | --- | --- | --- |"]
    for target in ("server", "ingest", "train", "eval"):
        one = report[target]
        largest = ", ".join(f"{name} {size}" for name, size in one["largest_mb"].items())
        rows.append(f"| `{target}` | {one['packages']} | {one['mb']:,} | {largest} |")
    beside = f"{report['server']['mb']:,} and the engine's {report['engine_mb']:,}"
    rows.append(f"| `engine-cpu`, `standalone` | vLLM's beside those of `server` | {beside} | |")
    return "\n".join(rows) + "\n"


def _time(days: float) -> str:
    return f"{number(days)} days" if days >= 1 else f"{number(24 * days)} h"


def _round(value: float) -> float:
    return float(f"{value:.2g}")


def main() -> None:
    """Write the page anew."""
    page = PAGE.read_text()
    for name, text in parts().items():
        page = written(page, name, text)
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
