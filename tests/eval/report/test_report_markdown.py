from itertools import pairwise

import pytest
from comparisons import ARMS, arm, comparison
from markdown_it import MarkdownIt
from markdown_it.token import Token

from eval.report import recommend, render_markdown

HOSTILE = "<script>alert(1)</script> | a\\|b `c` [x](http://y.example) **d** # e\n- f $g$ ~h~"
_ONE_LINE = " ".join(HOSTILE.split())


def _tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def _tables(tokens: list[Token]) -> list[list[list[str]]]:
    """Tables as rows of the texts of their cells."""
    tables: list[list[list[str]]] = []
    for token, within in pairwise(tokens):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type in ("td_open", "th_open"):
            tables[-1][-1].append("".join(one.content for one in within.children or ()))
    return tables


@pytest.fixture(scope="module")
def text() -> str:
    return render_markdown(comparison(warnings=("The judge is unproven.",)))


def test_tables_are_whole(text: str) -> None:
    summary, differences, costs = _tables(_tokens(text))
    assert {len(row) for row in summary} == {len(summary[0])}
    assert [row[0] for row in summary] == ["Arm", "base", "prompted", "rag", "tuned", "hybrid"]
    assert summary[3][1] == "24.1 (20.1 to 28.1) ▼"
    assert len(differences) == 11
    assert {len(row) for row in differences} == {7}
    assert {len(row) for row in costs} == {12}


def test_warnings_come_first_and_then_the_answer(text: str) -> None:
    lines = [line for line in text.splitlines() if line]
    assert lines[1] == "> **Read this first:** The judge is unproven."
    assert lines[2] == "## Recommendation"
    assert lines[3].startswith("**Serve hybrid: it has the best F1 of words, 39.8")


def test_the_command_that_made_it_is_told(text: str) -> None:
    assert "`tandem compare --corpus covidqa --set covidqa-dev --arms base,prompted,rag,tuned,hybrid`" in text


def test_hostile_strings_are_text() -> None:
    made = comparison(
        {HOSTILE: ARMS["rag"], "base": ARMS["base"]},
        arms=(arm(HOSTILE, ARMS["rag"], "rag"), arm("base", ARMS["base"], "base")),
        title=HOSTILE,
        warnings=(HOSTILE,),
        command=HOSTILE,
    )
    tokens = _tokens(render_markdown(made.model_copy(update={"recommendation": recommend(made)})))
    inline = [one for token in tokens for one in token.children or ()]
    assert {one.type for one in inline} <= {
        "text",
        "text_special",
        "strong_open",
        "strong_close",
        "code_inline",
        "softbreak",
    }
    assert "html_block" not in {token.type for token in tokens}
    assert "".join(one.content for one in tokens[1].children or ()) == _ONE_LINE
    for table in _tables(tokens):
        assert len({len(row) for row in table}) == 1
    assert _tables(tokens)[0][1][0] == _ONE_LINE


def test_a_part_of_a_run_is_called_so() -> None:
    made = comparison(partial=True)
    assert "> **Read this first:** The run was ended before everything" in render_markdown(made)
