"""Settings: where they come from, which wins, and what is refused."""

import os
from pathlib import Path

import pytest

from tandem.errors import SettingsError
from tandem.settings import read_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and an environment without settings."""
    for name in list(os.environ):
        if name.upper().startswith("TANDEM_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused() -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        read_settings()
    return caught.value


def test_without_file_and_environment_the_defaults_hold() -> None:
    settings = read_settings()
    assert (settings.server.host, settings.server.port, settings.engine.address) == ("127.0.0.1", 8000, None)


def test_the_file_wins_over_the_defaults(folder: Path) -> None:
    (folder / "tandem.toml").write_text("[engine]\nport = 9001\n")
    settings = read_settings()
    assert (settings.engine.port, settings.server.port) == (9001, 8000)


def test_the_environment_wins_over_the_file_key_by_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tandem.toml").write_text("[engine]\nport = 9001\nretries = 7\n")
    monkeypatch.setenv("TANDEM_ENGINE__PORT", "9002")
    settings = read_settings()
    assert (settings.engine.port, settings.engine.retries) == (9002, 7)


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_LOG_LEVEL", "error")
    assert read_settings(log_level="debug").log_level == "debug"


def test_another_file_can_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "other.toml").write_text("[server]\nport = 9003\n")
    monkeypatch.setenv("TANDEM_CONFIG", str(folder / "other.toml"))
    assert read_settings().server.port == 9003


def test_a_named_file_that_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_CONFIG", "nowhere.toml")
    assert refused().param == "TANDEM_CONFIG"


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("[server]\nprot = 1\n", "server.prot"),
        ("[serve]\nport = 1\n", "serve"),
        ("log_lvel = 'info'\n", "log_lvel"),
    ],
)
def test_an_unknown_key_of_the_file_is_refused_by_name(folder: Path, text: str, param: str) -> None:
    (folder / "tandem.toml").write_text(text)
    error = refused()
    assert error.param == param
    assert error.message == f"{param}: is not a setting"


@pytest.mark.parametrize(
    "name", ["TANDEM_SERVER__PROT", "TANDEM_PORT", "TANDEM_SERVER_PORT", "tandem_serve__port"]
)
def test_an_unknown_variable_is_refused_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert refused().param == name


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("[server]\nport = 'many'\n", "server.port"),
        ("[server]\nport = 70000\n", "server.port"),
        ("[engine]\nmax_lora_rank = 17\n", "engine.max_lora_rank"),
        ("[ingest]\nchunk_tokens = 20\nchunk_overlap_tokens = 20\n", "ingest"),
        ("server = 3\n", "server"),
    ],
)
def test_a_wrong_value_is_refused_by_name(folder: Path, text: str, param: str) -> None:
    (folder / "tandem.toml").write_text(text)
    error = refused()
    assert error.param == param
    assert error.hint


@pytest.mark.parametrize(
    ("name", "value", "param"),
    [
        ("TANDEM_SERVER__PORT", "0", "server.port"),
        ("TANDEM_ENGINE__EXTRA_ARGS", "--not-a-list", "engine"),
        ("TANDEM_ENGINE", "{not json", "engine"),
    ],
)
def test_a_wrong_value_of_a_variable_is_refused_by_name(
    name: str, value: str, param: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    error = refused()
    assert param in (error.param or "").lower()


@pytest.mark.parametrize("content", [b"port = = 1\n", b"name = '\xff\xfe'\n"])
def test_a_file_that_is_not_toml_is_refused(folder: Path, content: bytes) -> None:
    (folder / "tandem.toml").write_bytes(content)
    assert "not valid TOML" in refused().message


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])
def test_an_address_that_others_can_reach_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_SERVER__HOST", host)
    assert "allow_remote" in refused().message


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_permission(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_SERVER__HOST", host)
    assert read_settings().server.host == host


def test_an_open_address_is_accepted_where_it_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_SERVER__HOST", "0.0.0.0")
    monkeypatch.setenv("TANDEM_SERVER__ALLOW_REMOTE", "true")
    assert read_settings().server.host == "0.0.0.0"


@pytest.mark.parametrize(
    ("name", "value"), [("TANDEM_SERVER__ALLOW_REMOTE", "true"), ("TANDEM_SERVER__HOST", "0.0.0.0")]
)
def test_a_server_without_keys_is_for_this_machine_alone(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_IDENTITY__REQUIRED", "false")
    assert not read_settings().identity.required
    monkeypatch.setenv("TANDEM_SERVER__ALLOW_REMOTE", "true")
    monkeypatch.setenv(name, value)
    assert "identity.required" in refused().message


def test_adapters_can_be_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_ENGINE__ADAPTERS__LAW", "adapters/law")
    assert read_settings().engine.adapters == {"law": Path("adapters/law")}


def test_the_data_folder_is_absolute(folder: Path) -> None:
    assert read_settings().data_dir == folder / "data"
