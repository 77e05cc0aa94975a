"""`tandem consistency` against a running server."""

import json
from pathlib import Path

import pytest
from fake_vllm import FakeVllm, say
from served_app import put, served

from tandem.cli.consistency import measure_consistency
from tandem.errors import NotFoundError, UnavailableError
from tandem.settings import Settings

FACT = "The gate of the Quorvex depot closes at seven in the evening."


def test_it_asks_the_server_and_prints_estimates(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(
        json.dumps({"questions": ["When does the Quorvex gate close?", "Quorvex gate: closing time?"]})
    )
    settings = Settings(data_dir=tmp_path / "data")
    with pytest.raises(UnavailableError):
        measure_consistency(settings, file, None, [], 2, None, as_json=True)
    with FakeVllm.serving() as fake, served(fake, tmp_path / "data") as url:
        put(url, "gate.md", f"# Rules\n\n{FACT}\n", "rules")
        (tmp_path / "data" / "server.json").write_text(json.dumps({"url": url}))
        fake.plays = [say(FACT)]
        measure_consistency(settings, file, "rag", ["rules"], 2, 0.5, as_json=True)
        found = json.loads(capsys.readouterr().out)
        assert (found["cases"], found["answers"]) == (1, 4)
        assert found["paraphrases"]["citations"]["mean"] == 1
        assert fake.requests[-1]["temperature"] == 0.5
        measure_consistency(settings, file, None, [], 1, None, as_json=False)
        shown = capsys.readouterr().out
        assert "across paraphrases" in shown
        assert "1.000 [1.000, 1.000]" in shown
        with pytest.raises(NotFoundError):
            measure_consistency(settings, file, "nosuch", [], 2, None, as_json=True)
