"""`tandem finetune train`, from the command line to the folder."""

import json
from pathlib import Path

import pytest
from tiny_base import make_tiny_base, make_tiny_set
from typer.testing import CliRunner

from tandem.adapters.training_questions import read_training_questions
from tandem.cli.main import app
from tandem.errors import ConflictError

QUICK = ["--rank", "4", "--epochs", "1", "--batch-size", "10", "--dtype", "fp32", "--device", "cpu"]


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path / "data"))
    base = make_tiny_base(tmp_path / "tiny-model")
    return ["finetune", "train", str(make_tiny_set(tmp_path / "set")), "--base", str(base), *QUICK]


def test_events_are_json_a_line_and_the_adapter_names_no_path_of_this_machine(
    given: list[str], tmp_path: Path
) -> None:
    result = CliRunner().invoke(
        app, [*given, "--out", str(tmp_path / "run"), "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0
    events = [json.loads(line)["event"] for line in result.stdout.splitlines()]
    assert (events[0], events[-1]) == ("started", "finished")
    assert events.count("stepped") == 2
    config = json.loads((tmp_path / "run" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny-model"
    assert len(json.loads((tmp_path / "run" / "training.json").read_text())["base_hash"]) == 64
    questions = read_training_questions(tmp_path / "run")
    assert questions is not None
    assert questions.vectors.shape[1] == 384


def test_the_end_is_summed_up_and_a_rank_that_is_not_served_is_warned_of(
    given: list[str], tmp_path: Path
) -> None:
    out = str(tmp_path / "run")
    result = CliRunner().invoke(app, [*given, "--rank", "32", "--out", out], catch_exceptions=False)
    assert result.exit_code == 0
    assert "validation loss" in result.stdout
    assert "engine.max_lora_rank" in result.stderr
    with pytest.raises(ConflictError):
        CliRunner().invoke(app, [*given, "--out", out], catch_exceptions=False)
