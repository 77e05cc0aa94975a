import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tandem.cli import app
from tandem.errors import ConflictError, InvalidRequestError
from tandem.settings import StoreSettings
from tandem.store import CollectionRecord, open_store


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def invoke(*words: object, folder: str = "data") -> str:
        monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path / folder))
        done = CliRunner().invoke(app, [str(word) for word in words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return invoke


@pytest.fixture
def data(tmp_path: Path) -> Path:
    from datetime import UTC, datetime

    store = open_store(StoreSettings(), tmp_path / "data")
    store.found_collection(CollectionRecord("tandem", {"model": "m"}, "f", 4, datetime.now(UTC)))
    store.save_prompt("mine", "{{ question }}", "ann")
    store.close()
    return tmp_path / "data"


def test_a_backup_is_made_checked_and_restored(run, data: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    told = json.loads(run("backup", archive, "--json"))
    assert told["rows"]["prompt_versions"] == 1
    assert told["hash"] in run("restore", archive, "--check")
    assert "Restored" in run("restore", archive, "--expect", told["hash"], folder="other")
    assert json.loads(run("audit", "list", "--json", folder="other"))[-1]["object"] == "mine@1"
    assert "is whole" in run("audit", "verify", folder="other")
    assert [one.name for one in tmp_path.iterdir() if "part" in one.name] == []


def test_a_file_that_is_there_is_not_overwritten(run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_text("mine")
    with pytest.raises(ConflictError, match="is there already"):
        run("backup", tmp_path / "a.tar")
    assert (tmp_path / "a.tar").read_text() == "mine"


def test_a_broken_archive_is_told_by_a_check(run, data: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    run("backup", archive)
    archive.write_bytes(archive.read_bytes()[:3_000])
    with pytest.raises(InvalidRequestError, match="torn"):
        run("restore", archive, "--check")


def test_a_tandem_that_never_ran_has_nothing_to_keep(run, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="nothing to keep"):
        run("backup", tmp_path / "a.tar")
    assert not (tmp_path / "a.tar").exists()
