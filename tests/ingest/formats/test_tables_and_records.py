"""CSV is a table; JSON is a line for each value; JSON Lines a paragraph for each record."""

import pytest
from readings import blocks, exact

from ingest.formats import Options, records, tabular

MARKDOWN = "| name | height |\n| --- | --- |\n| Dover, UK | 6.8 |\n| St \\| Malo | 12.2 |"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_is_one_table_whatever_stands_between_its_cells(delimiter: str) -> None:
    text = f'name{delimiter}height\n"Dover, UK"{delimiter}6.8\n"St | Malo"{delimiter}12.2\n'
    found = exact(tabular.read_csv(text.encode(), Options()))
    assert blocks(found) == [found.text] == [MARKDOWN]


def test_cells_with_lines_and_rows_of_other_lengths_stay_a_table() -> None:
    found = exact(tabular.read_tsv(b'a\tb\n"x\ny"\n\n1\t2\t3\n', Options()))
    assert found.text == "| a | b |  |\n| --- | --- | --- |\n| x y |\n| 1 | 2 | 3 |"


def test_short_rows_are_not_blown_up_by_a_long_one() -> None:
    found = tabular.read_csv(b"," * 5_000 + b"x\n" + b"a,b\n" * 5_000, Options())
    assert len(found.text) < 200_000


def test_json_is_read_with_the_path_of_each_value() -> None:
    text = (
        '{"title": "Tides", "port": {"name": "Dover", "heights": [6.8, 7], "open": true, "note": null},'
        ' "log": [{"at": 1}, {"at": 2}]}'
    )
    found = exact(records.read_json(text.encode(), Options()))
    assert found.title == "Tides"
    assert found.text == (
        "title: Tides\nport.name: Dover\nport.heights: 6.8, 7\nport.open: true\nlog[1].at: 1\nlog[2].at: 2"
    )


def test_a_list_of_records_and_json_lines_are_paragraphs() -> None:
    expected = "a: 1\nb: x\n\na: 2"
    assert records.read_json(b'[{"a": 1, "b": "x"}, {"a": 2}]', Options()).text == expected
    assert records.read_jsonl(b'{"a": 1, "b": "x"}\n\n{"a": 2}\n', Options()).text == expected


@pytest.mark.parametrize("text", ['{"a": 1', "[" * 100_000, "words", "{'a': 1}"])
def test_what_is_no_json_is_kept_with_a_warning(text: str) -> None:
    found = records.read_json(text.encode(), Options())
    assert (found.text, len(found.warnings)) == (text, 1)


def test_lines_that_are_broken_are_counted_and_kept() -> None:
    found = records.read_jsonl(b'{"a": 1}\n{"b": \n', Options())
    assert found.text == 'a: 1\n\n{"b":'
    assert found.warnings == ["1 lines are not valid JSON and were read as plain text"]


def test_depth_ends_in_one_line() -> None:
    found = records.read_json(('{"k":' * 300 + "1" + "}" * 300).encode(), Options())
    assert found.text.startswith(".".join(["k"] * 100) + ': {"k"')
