"""`tandem adapters`, on a data folder of its own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_adapter import tiny_adapter, tiny_base

from tandem.adapters.base import base_hash
from tandem.cli import app
from tandem.errors import ConflictError, InvalidRequestError, NotFoundError

Run = Callable[..., str]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A base model and a finished training run on it."""
    folder = tmp_path_factory.mktemp("parts")
    base = tiny_base(folder / "base")
    run = tiny_adapter(base, folder / "run")
    training = {
        "base": str(base), "base_hash": base_hash(base), "data_hash": "d" * 64, "seconds": 61.0,
        "parameters": {"lr": 4e-4}, "metrics": {"f1": 0.25}, "points": [],
    }  # fmt: skip
    (run / "training.json").write_text(json.dumps(training))
    return base, run


@pytest.fixture
def run(
    parts: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command in this process; gives what it prints, raises what it refuses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TANDEM_ENGINE__MODEL", str(parts[0]))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("LOGNAME", "ada")

    def command(*arguments: object) -> str:
        capsys.readouterr()
        app(["adapters", *(str(one) for one in arguments)], standalone_mode=False)
        return capsys.readouterr().out

    return command


def test_a_training_run_is_registered_shown_tagged_compared_and_removed(
    run: Run, parts: tuple[Path, Path]
) -> None:
    assert run("register", parts[1], "mine", "--note", "first").startswith("registered  mine@1  rank 4")
    changed = json.loads((parts[1] / "training.json").read_text()) | {
        "metrics": {"f1": 0.5},
        "seconds_before": 30.0,
    }
    before = (parts[1] / "training.json").read_text()
    (parts[1] / "training.json").write_text(json.dumps(changed))
    made = json.loads(run("register", parts[1], "mine", "--json"))
    (parts[1] / "training.json").write_text(before)
    assert (made["ref"], made["metrics"], made["seconds"], made["author"]) == (
        "mine@2",
        {"f1": 0.5},
        91.0,  # of both trainings
        "ada",
    )
    assert run("tag", "mine@1", "champion", "--reason", "good") == "tagged  mine@1  champion\n"
    assert "[champion]" in run("list", "mine").splitlines()[1]
    assert [one["tags"] for one in json.loads(run("list", "--json"))] == [[], ["champion"]]
    card = run("show", "mine@champion", "--verify")
    assert "# mine@1" in card
    assert "every one agrees" in card
    shown = json.loads(run("show", "mine", "--json"))
    assert (shown["number"], shown["used_by"], shown["served_unmerged"]) == (2, [], True)
    told = {
        one["what"]: (one["before"], one["after"])
        for one in json.loads(run("diff", "mine@1", "mine@2", "--json"))["differences"]
    }
    assert told["metrics.f1"] == (0.25, 0.5)
    assert told.keys() <= {"metrics.f1", "seconds", "size", "files.training.json"}
    assert "(+0.25)" in run("diff", "mine@1", "mine@2")
    assert [one["number"] for one in json.loads(run("history", "mine", "--json"))] == [1]
    with pytest.raises(ConflictError, match="champion"):
        run("remove", "mine@1")
    run("untag", "mine", "champion")
    assert run("remove", "mine@1").startswith("removed  mine@1")
    with pytest.raises(InvalidRequestError, match="by its number"):
        run("remove", "mine")
    with pytest.raises(NotFoundError):
        run("show", "mine@1")
    with pytest.raises(NotFoundError):
        run("list", "nosuch")


def test_a_pruning_is_shown_before_it_is_done(run: Run, parts: tuple[Path, Path]) -> None:
    for _ in range(3):
        run("register", parts[1], "mine")
    shown = json.loads(run("prune", "--keep", 1, "--json"))
    assert ([one["ref"] for one in shown["removed"]], shown["deleted"]) == (["mine@2", "mine@1"], False)
    assert shown["bytes"] == sum(one["size"] for one in shown["removed"])
    assert "would go" in run("prune", "--keep", 1)
    assert len(json.loads(run("list", "--json"))) == 3
    assert "removed  mine@1" in run("prune", "--keep", 1, "--delete")
    assert [one["ref"] for one in json.loads(run("list", "--json"))] == ["mine@3"]


def test_an_adapter_goes_to_another_data_folder_as_a_file_and_becomes_a_model(
    run: Run, parts: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("register", parts[1], "mine")
    assert run("export", "mine@1", "out.tandem-adapter").startswith("written  mine@1  out.tandem-adapter")
    monkeypatch.setenv("TANDEM_DATA_DIR", str(Path("other").absolute()))
    assert run("import", "out.tandem-adapter").startswith("imported  mine@1")
    assert run("merge", "mine", "--out", "merged").startswith("merged  mine@1")
    assert Path("merged/model.safetensors").is_file()


def test_an_import_for_another_base_is_kept_and_told(
    parts: tuple[Path, Path],
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("register", parts[1], "mine")
    run("export", "mine", "out.tandem-adapter")
    monkeypatch.setenv("TANDEM_ENGINE__MODEL", str(tiny_base(tmp_path / "other-base", seed=9)))
    app(["adapters", "import", "out.tandem-adapter"], standalone_mode=False)
    said = capsys.readouterr()
    assert "another base model than engine.model" in " ".join(said.err.split())
    assert json.loads(run("show", "mine@2", "--json"))["base_hash"] == base_hash(parts[0])
    with pytest.raises(InvalidRequestError, match="another base"):
        run("merge", "mine@2", "--out", "merged")


def test_a_folder_without_notes_is_of_the_base_that_is_named(
    run: Run, parts: tuple[Path, Path], tmp_path: Path
) -> None:
    plain = tiny_adapter(parts[0], tmp_path / "plain", use_dora=True)
    made = json.loads(run("register", plain, "plain", "--json"))
    assert (made["base"], made["base_hash"], made["data_hash"]) == (parts[0].name, base_hash(parts[0]), "")
    assert not made["served_unmerged"]
    other = tiny_base(tmp_path / "small", hidden=16)
    with pytest.raises(InvalidRequestError, match="another base"):
        run("register", plain, "plain", "--base", other)
    with pytest.raises(InvalidRequestError, match="another base"):
        run("register", parts[1], "mine", "--base", other)
