"""Headings of Markdown stand where they are found."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.headings import markdown_headings


def test_headings_of_both_styles_have_level_title_and_place() -> None:
    text = "# One *two* `three`\n\ntext\n\nFour\n----\n\n  ### [Five](http://x) #\n"
    found = [(h.level, h.title, text[h.start :].split("\n")[0]) for h in markdown_headings(text)]
    assert found == [
        (1, "One two three", "# One *two* `three`"),
        (2, "Four", "Four"),
        (3, "Five", "### [Five](http://x) #"),
    ]


def test_what_only_looks_like_a_heading_is_none() -> None:
    assert (
        markdown_headings("```\n# code\n```\n\n    # code\n\n> # quoted\n\n- # item\n\n#hashtag\n\n#\n") == ()
    )


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["# A", "text", "", "ä\u2028# b", "\x0b# c", "```", "\U0001f600", "## D"]),
        max_size=20,
    )
)
def test_a_heading_always_starts_at_its_mark(lines: list[str]) -> None:
    text = "\n".join(lines)
    for heading in markdown_headings(text):
        assert text.startswith("#" * heading.level + " " + heading.title, heading.start)
        assert heading.start == 0 or text[heading.start - 1] == "\n"
