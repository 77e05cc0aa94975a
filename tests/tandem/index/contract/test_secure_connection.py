"""The key and the certificate's authority hold over HTTP and over gRPC, and what is wrong with them is said."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from fake_qdrant_grpc import COUNT, fake_qdrant_grpc
from local_authority import LocalAuthority
from qdrant_contract import FACTS, Recorder
from qdrant_stand_in import StandIn, stand_in
from running import free_port

from tandem.errors import SettingsError, UnavailableError
from tandem.index import open_index
from tandem.index.server import ServerIndex, connect
from tandem.settings import IndexSettings
from tandem.vocabulary import Scope

KEY = "the right key"
Connecting = Callable[..., ServerIndex]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> LocalAuthority:
    return LocalAuthority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
def wrong_authority(tmp_path_factory: pytest.TempPathFactory) -> LocalAuthority:
    return LocalAuthority(tmp_path_factory.mktemp("wrong"), "another")


@pytest.fixture(scope="module")
def secured(authority: LocalAuthority) -> Iterator[StandIn]:
    with stand_in(key=KEY, certificate=authority.certificate()) as served:
        yield served


@pytest.fixture
async def connecting() -> AsyncIterator[Connecting]:
    """An index of a server that is not asked for anything yet."""
    made: list[ServerIndex] = []

    def connected(url: str, **settings: object) -> ServerIndex:
        wanted = IndexSettings.model_validate({"url": url, "api_key": KEY, **settings})
        made.append(ServerIndex(connect(wanted), wanted))
        return made[-1]

    yield connected
    for index in made:
        await index.close()


async def test_the_key_goes_over_tls_in_the_published_header(
    secured: StandIn, authority: LocalAuthority
) -> None:
    settings = IndexSettings(url=secured.url, api_key=KEY, ca_file=authority.file)
    client = connect(settings)
    recorder = Recorder.of(client)
    index = await ServerIndex.open(client, settings, dimension=4, fingerprint="f")
    assert await index.count(Scope("acme")) == 0
    await index.close()
    assert {one.headers[FACTS["key_header"]] for one in recorder.exchanges} == {KEY}


@pytest.mark.parametrize("key", ["a wrong key", None])
async def test_a_wrong_key_is_said_to_be_one(
    secured: StandIn, authority: LocalAuthority, key: str | None, tmp_path: Path
) -> None:
    settings = IndexSettings(url=secured.url, api_key=key, ca_file=authority.file)
    with pytest.raises(UnavailableError, match="refuses the key") as caught:
        await open_index(settings, tmp_path, dimension=4, fingerprint="f")
    assert caught.value.hint is not None
    assert "index.api_key" in caught.value.hint
    assert KEY not in str(caught.value)


async def test_a_server_whose_certificate_another_authority_signed_is_refused(
    secured: StandIn, wrong_authority: LocalAuthority, connecting: Connecting
) -> None:
    for settings in ({"ca_file": wrong_authority.file}, {}):
        with pytest.raises(UnavailableError, match=r"(?i)certificate verify failed"):
            await connecting(secured.url, **settings).count(Scope("acme"))


@pytest.mark.parametrize("content", [None, "no certificate", ""])
def test_an_authority_that_is_none_is_a_setting_that_is_wrong(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match="is no certificate") as caught:
        connect(IndexSettings(url="https://127.0.0.1:1", ca_file=file))
    assert caught.value.param == "index.ca_file"


async def test_a_grpc_port_makes_a_client_that_speaks_grpc() -> None:
    for port in (None, 7334):
        client = connect(IndexSettings(url="http://127.0.0.1:1", grpc_port=port))
        assert client.init_options["prefer_grpc"] is (port is not None)
        assert client.init_options["grpc_port"] == (port or 6334)
        await client.close()


async def test_key_and_authority_hold_over_grpc(authority: LocalAuthority, connecting: Connecting) -> None:
    async with fake_qdrant_grpc(KEY, authority.certificate()) as port:
        index = connecting("https://127.0.0.1:1", grpc_port=port, ca_file=authority.file)
        assert await index.count(Scope("acme")) == COUNT


async def test_a_wrong_key_is_said_to_be_one_over_grpc(
    authority: LocalAuthority, connecting: Connecting
) -> None:
    async with fake_qdrant_grpc(KEY, authority.certificate()) as port:
        settings = {"grpc_port": port, "ca_file": authority.file, "api_key": "a wrong key"}
        with pytest.raises(UnavailableError, match="refuses the key"):
            await connecting("https://127.0.0.1:1", **settings).count(Scope("acme"))


async def test_another_authority_is_refused_over_grpc(
    authority: LocalAuthority, wrong_authority: LocalAuthority, connecting: Connecting
) -> None:
    async with fake_qdrant_grpc(KEY, authority.certificate()) as port:
        settings = {"grpc_port": port, "ca_file": wrong_authority.file}
        with pytest.raises(UnavailableError, match="does not serve"):
            await connecting("https://127.0.0.1:1", **settings).count(Scope("acme"))


async def test_a_server_that_is_not_there_is_unavailable_over_grpc(connecting: Connecting) -> None:
    index = connecting("http://127.0.0.1:1", grpc_port=free_port(), api_key=None)
    with pytest.raises(UnavailableError, match="does not serve") as caught:
        await index.count(Scope("acme"))
    assert "\n" not in str(caught.value)
