"""Headings of Markdown, with their places."""

from ingest.structure import markdown_structure
from tandem.vocabulary import Heading


def markdown_headings(text: str) -> tuple[Heading, ...]:
    """The headings of a text whose newlines are `\\n`, in order."""
    return markdown_structure(text)[0]
