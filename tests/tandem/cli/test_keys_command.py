"""`tandem keys` where no server runs, and the key that commands send."""

import json
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tandem.cli import app
from tandem.cli.credentials import headers_of, use_key, write_local_key
from tandem.cli.keys import scopes_of, span_of
from tandem.cli.remote import announce
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("TANDEM_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    use_key(None)
    yield tmp_path
    use_key(None)  # what a command was told would hold for the tests after it


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["keys", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_without_a_server_keys_are_made_in_the_store() -> None:
    key = run(
        "create", "--name", "ada", "--tenant", "acme", "--scopes", "chat,ingest", "--groups", "staff"
    ).strip()
    assert key.startswith("tdm_")
    (listed,) = json.loads(run("list", "--json"))
    assert (listed["tenant"], listed["scopes"], listed["groups"]) == ("acme", ["chat", "ingest"], ["staff"])
    assert listed["id"] == key.split("_")[1]
    again = json.loads(run("rotate", listed["id"], "--overlap", "1h", "--json"))
    assert again["key"] != key
    assert again["old_until"] is not None
    assert "revoked" in run("revoke", listed["id"])
    assert "revoked" in run("list")
    with pytest.raises(NotFoundError):
        run("revoke", "nosuch")


def test_lengths_of_time_and_scopes_are_read_or_refused() -> None:
    assert span_of("90d", "x") == timedelta(days=90)
    assert span_of("30m", "x") == timedelta(minutes=30)
    for text in ("", "90", "d", "-1d", "1.5h", "1y", "999999d"):
        with pytest.raises(InvalidRequestError):
            span_of(text, "x")
    with pytest.raises(InvalidRequestError):
        scopes_of(["chat", "root"])


def test_a_key_that_is_named_goes_before_that_of_the_machine(folder: Path) -> None:
    settings = Settings(data_dir=folder)
    assert headers_of(settings) == {}
    file = write_local_key(settings, "tdl_of_this_machine")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert headers_of(settings) == {"Authorization": "Bearer tdl_of_this_machine"}
    use_key("tdm_named")
    assert headers_of(settings) == {"Authorization": "Bearer tdm_named"}
    use_key(None)
    write_local_key(settings, "tdl_of_the_next_start")
    assert headers_of(settings) == {"Authorization": "Bearer tdl_of_the_next_start"}


def test_servers_of_one_data_folder_leave_their_notes_apart(folder: Path) -> None:
    one, other = (Settings(data_dir=folder, run_dir=folder / name) for name in ("one", "other"))
    for settings, key in ((one, "tdl_of_one"), (other, "tdl_of_the_other")):
        announce(settings)
        write_local_key(settings, key)
    assert headers_of(one) == {"Authorization": "Bearer tdl_of_one"}
    assert headers_of(other) == {"Authorization": "Bearer tdl_of_the_other"}
    assert not (folder / "local.key").exists()
    assert headers_of(Settings(data_dir=folder)) == {}


def test_the_key_of_the_environment_is_no_unknown_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_KEY", "tdm_x")
    assert read_settings().identity.required
    assert "No key yet" in run("list")
