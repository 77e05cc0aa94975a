import math
from pathlib import Path

import pytest
from comparisons import ARMS, comparison, difference

from eval.report import read_comparison, write_report
from tandem.errors import InvalidRequestError, NotFoundError, StorageError

MADE = comparison(
    {name: ARMS[name] for name in ("base", "rag")}, differences=(difference("rag", "base", 0.2, "too few", detectable=math.inf),)
)  # fmt: skip


def test_three_files_are_written_and_the_figures_come_back(tmp_path: Path) -> None:
    written = write_report(MADE, tmp_path / "new", "covidqa")
    assert sorted(path.name for path in written.json.parent.iterdir()) == [
        "covidqa.html",
        "covidqa.json",
        "covidqa.md",
    ]
    assert written.html.read_text().startswith("<!doctype html>")
    assert written.markdown.read_text().startswith("# covidqa: five arms")
    assert read_comparison(written.json) == MADE


def test_where_the_disk_refuses_the_former_report_stays_and_nothing_lies_about(tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_text("former")
    (tmp_path / ".comparison.md.unfinished").mkdir()
    with pytest.raises(StorageError):
        write_report(MADE, tmp_path)
    assert (tmp_path / "comparison.json").read_text() == "former"
    assert not (tmp_path / ".comparison.html.unfinished").exists()


def test_a_file_that_is_no_comparison_is_refused_with_the_place_at_fault(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    with pytest.raises(NotFoundError):
        read_comparison(file)
    file.write_text(MADE.model_dump_json().replace('"leading"', '"led"'))
    with pytest.raises(InvalidRequestError, match="leading"):
        read_comparison(file)
    file.write_text("{")
    with pytest.raises(InvalidRequestError):
        read_comparison(file)
