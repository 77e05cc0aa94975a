"""The decision report: what a comparison found, as a page, as Markdown, and as advice in words."""

from eval.report.examples import examples_of
from eval.report.files import Written, read_comparison, write_report
from eval.report.given import given_answer
from eval.report.kinds import kind_of
from eval.report.markdown import render_markdown
from eval.report.page import render_html
from eval.report.recommending import recommend

__all__ = [
    "Written",
    "examples_of",
    "given_answer",
    "kind_of",
    "read_comparison",
    "recommend",
    "render_html",
    "render_markdown",
    "write_report",
]
