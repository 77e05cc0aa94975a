"""Keys as a first start has them: real servers, the command line, the page; the engine alone is a fake."""

import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from fake_vllm import FakeVllm
from playwright.sync_api import expect, sync_playwright
from postgres import Postgres
from running import Tandem, environment_for, started, tandem_command

KEY = re.compile(r"tdm_[a-z2-7]{16}_[a-z2-7]{52}")
_BROWSER = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as fake:
        yield fake


def default_environment(fake: FakeVllm, folder: Path, **settings: str) -> dict[str, str]:
    """That of a user who has set nothing about keys."""
    environment = environment_for(folder, TANDEM_ENGINE__ADDRESS=fake.address, **settings)
    del environment["TANDEM_IDENTITY__REQUIRED"]
    return environment


@pytest.fixture(scope="module")
def environment(fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return default_environment(fake, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def tandem(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tandem]:
    log = tmp_path_factory.mktemp("log") / "up.log"
    with started(environment, "--no-demo", log=log) as running:
        running.wait_ready()
        yield running


def first_key(tandem: Tandem) -> str:
    printed = KEY.findall(tandem.log.read_text())
    assert len(printed) == 2  # alone, and in the page's address
    assert len(set(printed)) == 1
    return printed[0]


def status(tandem: Tandem, key: str | None, path: str = "/v1/models") -> int:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.get(f"{tandem.url}{path}", headers=headers, trust_env=False, timeout=30).status_code


def test_the_first_start_prints_a_key_which_opens_everything(tandem: Tandem) -> None:
    key = first_key(tandem)
    assert f"{tandem.url}/#key={key}" in tandem.log.read_text()
    for path in ("/v1/models", "/metrics", "/api/keys", "/api/reindex"):
        assert (status(tandem, key, path), status(tandem, None, path)) == (200, 401)
    for path in ("/", "/healthz", "/readyz"):
        assert status(tandem, None, path) == 200


def test_no_log_file_holds_the_key(tandem: Tandem) -> None:
    folder = Path(tandem.environment["TANDEM_DATA_DIR"])
    secret = first_key(tandem).rsplit("_", 1)[1].encode()
    files = [file for file in folder.rglob("*") if file.is_file() and file.stat().st_size < 50_000_000]
    assert any(file.name == "store.sqlite3" for file in files)
    assert [file for file in files if secret in file.read_bytes()] == []


def test_the_command_line_on_this_machine_needs_no_key(tandem: Tandem) -> None:
    file = Path(tandem.environment["TANDEM_DATA_DIR"]) / "local.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    done = tandem.command("keys", "list")
    assert done.returncode == 0, done.stderr
    assert "first" in done.stdout
    assert tandem.command("status").returncode == 0


def test_a_limited_key_is_made_used_rotated_and_revoked_by_commands(tandem: Tandem) -> None:
    made = tandem.command("keys", "create", "--name", "bot", "--scopes", "chat", "--expires-in", "90d")
    key = made.stdout.strip()
    assert KEY.fullmatch(key), made.stderr
    assert key not in made.stderr
    known = key.split("_")[1]
    limited = tandem.environment | {"TANDEM_KEY": key}
    assert tandem_command("status", environment=limited).returncode == 0
    refused = tandem_command("keys", "list", environment=limited)
    assert refused.returncode == 1
    assert "'admin'" in refused.stderr
    assert tandem.command("--key", "tdm_wrong", "keys", "list").returncode == 1
    newer = tandem.command("keys", "rotate", known).stdout.strip()
    assert (status(tandem, key), status(tandem, newer)) == (401, 200)
    assert tandem.command("keys", "revoke", known).returncode == 0
    assert status(tandem, newer) == 401
    listed = tandem.command("keys", "list", "--json").stdout
    assert newer.rsplit("_", 1)[1] not in listed
    assert '"revoked"' in listed


def test_the_page_asks_for_the_key_and_forgets_it_at_the_end(tandem: Tandem) -> None:
    key = first_key(tandem)
    names = ("chromium", "chromium-browser", "google-chrome")
    installed = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=_BROWSER)
        page = browser.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(tandem.url)
        panel = page.get_by_role("dialog", name="Sign in")
        expect(panel).to_be_visible()
        page.get_by_label("Key").fill("tdm_wrong")
        panel.get_by_role("button", name="Sign in").click()
        expect(panel.get_by_role("alert")).to_contain_text("does not know this key")
        page.get_by_label("Key").fill(key)
        panel.get_by_role("button", name="Sign in").click()
        expect(panel).to_be_hidden()
        expect(page.get_by_role("combobox", name="Recipe").locator("option")).not_to_have_count(1)
        page.reload()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        expect(panel).to_be_hidden()
        page.get_by_role("button", name="Sign out").click()
        expect(panel).to_be_visible()
        assert page.evaluate("localStorage.length") == 0
        # The address that the first start prints signs in by itself, and does not stay in the bar.
        page.goto("about:blank")
        page.goto(f"{tandem.url}/#key={key}")
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        expect(panel).to_be_hidden()
        assert page.url == f"{tandem.url}/"
        assert faults == []
        browser.close()


def test_a_second_start_prints_none_and_leaves_no_local_key_behind(fake: FakeVllm, tmp_path: Path) -> None:
    environment = default_environment(fake, tmp_path / "data")
    local: list[str] = []
    for start in (1, 2):
        with started(environment, "--no-demo", log=tmp_path / f"{start}.log") as running:
            running.wait_ready()
            local.append((tmp_path / "data" / "local.key").read_text())
        assert bool(KEY.search((tmp_path / f"{start}.log").read_text())) is (start == 1)
        assert not (tmp_path / "data" / "local.key").exists()
    assert local[0] != local[1]


def test_a_revoked_key_ends_within_a_second_on_two_servers_of_one_store(
    fake: FakeVllm, postgres: Postgres, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        name = stack.enter_context(postgres.database())
        servers = []
        for n in (1, 2):
            environment = default_environment(
                fake, tmp_path / f"data{n}", TANDEM_STORE__URL=postgres.url(name)
            )
            servers.append(stack.enter_context(started(environment, "--no-demo", log=tmp_path / f"{n}.log")))
        for server in servers:
            server.wait_ready()
        # One store has one first key, whichever of them came first.
        (first,) = set(KEY.findall("".join(server.log.read_text() for server in servers)))
        key = servers[0].command("keys", "create", "--name", "k").stdout.strip()
        assert [status(server, key) for server in servers] == [200, 200]
        # By the API: a command would take a second to end, and the clock must start with the change.
        url = f"{servers[0].url}/api/keys/{key.split('_')[1]}"
        owner = {"Authorization": f"Bearer {first}"}
        revoked = time.monotonic()
        assert httpx.delete(url, headers=owner, trust_env=False, timeout=30).status_code == 200
        while {status(server, key) for server in servers} != {401}:
            assert time.monotonic() - revoked < 1.0
            time.sleep(0.02)
