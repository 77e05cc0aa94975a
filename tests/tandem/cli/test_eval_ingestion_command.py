"""`tandem eval ingestion` over a real corpus."""

import json
from pathlib import Path

import pytest
from eval_replies import case
from fake_vllm import FakeVllm
from served_app import put, served

from tandem.cli.eval_ingestion import measure_ingestion
from tandem.cli.eval_planting import plant
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.settings import Settings

SENTENCES = " ".join(f"Rule {n} says that key {n} hangs in box {n} of the depot." for n in range(120))
TABLE = "| key | box |\n| --- | --- |\n| gate | nine |\n| roof | four |\n"


def test_it_tells_how_a_corpus_was_cut_while_a_server_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data_dir=tmp_path)
    cases = [
        case("in", "hangs in box 77", documents=("rules.md",)),
        case("out", "behind the stove", documents=("rules.md",)),
    ]
    with FakeVllm.serving() as fake, served(fake, tmp_path) as url:
        put(url, "rules.md", f"# Rules\n\n{SENTENCES}\n\n{TABLE}", "rules")
        put(url, "again.md", f"# Rules\n\n{SENTENCES}\n\n{TABLE}", "rules")
        measure_ingestion(settings, "rules", cases, as_json=True)
        found = json.loads(capsys.readouterr().out)
        measure_ingestion(settings, "rules", cases, as_json=False)
        shown = capsys.readouterr().out
        folder = tmp_path / "planted"
        plant(
            settings,
            "rules",
            [*cases, case("other", "box 12 of the depot", documents=("rules.md",))],
            "counterfactual",
            folder,
        )
        told = capsys.readouterr().out
        with pytest.raises(InvalidRequestError):
            plant(settings, "rules", cases[1:], "counterfactual", tmp_path / "none")
        assert not (tmp_path / "none").exists()
    texts = [file.read_text("utf-8") for file in folder.iterdir()]
    assert any("Rule 77 says that key 77 box 12 of the depot of the depot." in text for text in texts)
    assert f"tandem ingest {folder} --corpus rules-counterfactual" in told
    assert (found["documents"], found["duplicates"], found["changed"]) == (1, 1, [])
    measures = found["measures"]
    assert measures["answer_in_text"]["mean"] == 0.5
    assert measures["answer_in_text"]["missed"] == ["out"]
    assert (measures["answer_in_chunk"]["mean"], measures["answer_in_chunk"]["of"]) == (1, 1)
    assert measures["table_in_chunk"]["mean"] == 1
    assert measures["chunk_tokens"]["of"] == found["chunks"] > 3
    assert (
        measures["chunk_tokens"]["least"]
        <= measures["chunk_tokens"]["p50"]
        <= measures["chunk_tokens"]["most"]
    )
    assert "50.0% [0.0, 100.0]" in shown
    assert "not in “Answers that were read”: out" in shown
    assert "1 documents are not searched" in shown
    with pytest.raises(NotFoundError):
        measure_ingestion(settings, "nosuch", as_json=True)
