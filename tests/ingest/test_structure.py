"""Headings, tables and code of Markdown stand where they are found."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.structure import markdown_structure


def markdown_headings(text: str):
    return markdown_structure(text)[0]


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


def blocks(text: str) -> list[tuple[str, str]]:
    return [(block.kind.value, text[block.start : block.end]) for block in markdown_structure(text)[1]]


def test_tables_and_code_are_found_whole() -> None:
    table = "| a | b |\n|:--|--:|\n| 1 | 2 |"
    text = f"text\n\n{table}\n\n```py\n| x |\n| - |\n```\n\n    indented\n\na | b\n--- | ---\n1 | 2\nend\n"
    assert blocks(text) == [
        ("table", table),
        ("code", "```py\n| x |\n| - |\n```"),
        ("code", "    indented"),
        ("table", "a | b\n--- | ---\n1 | 2"),
    ]


def test_what_only_looks_like_a_table_is_none() -> None:
    assert blocks("| a |\n\n| - |\n\na | b\n---\n\n---|---\n\nx\n| --- |\n") == []


def test_a_table_may_follow_a_line_of_text() -> None:
    assert blocks("before\n| a |\n| - |\n| 1 |\nafter") == [("table", "| a |\n| - |\n| 1 |")]


def test_a_fence_that_is_not_closed_goes_to_the_end() -> None:
    assert blocks("```\ncode\n\n# no heading\n\n") == [("code", "```\ncode\n\n# no heading")]
