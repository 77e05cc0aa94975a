import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from tandem.backup import make_backup, read_facts, restore
from tandem.errors import ConflictError, InvalidRequestError
from tandem.index import Index, Leg, Query, open_index
from tandem.settings import IndexSettings, Settings, StoreSettings
from tandem.store import CollectionRecord, Store, open_store
from tandem.vocabulary import Caller, Chunk, Document, Marks, Scope, chunk_id

TENANTS = ("acme", "bolt")
DIMENSION = 16
FINGERPRINT = "f"


def document(tenant: str, number: int, words: str = "") -> Document:
    content = f"{words} Document {number} of {tenant} ü " * 3
    marks = Marks(tags=("a",), metadata={"year": 2020 + number})
    return Document(
        tenant, "docs", f"{number}.md", f"No. {number}", "text/markdown", content, "0" * 64, marks=marks
    )


def chunks_of(one: Document, version: str) -> list[Chunk]:
    return [
        Chunk(
            chunk_id(one.id, version, place),
            one.tenant,
            one.corpus,
            one.id,
            version,
            place,
            f"{one.text} {place}",
            0,
            len(one.text),
            one.title,
            one.uri,
            marks=one.marks,
        )
        for place in range(3)
    ]


class Place:
    """A data folder with an open store and index."""

    def __init__(self, folder: Path, url: str | None, index: IndexSettings | None = None) -> None:
        self.settings = Settings(
            data_dir=folder, store=StoreSettings(url=url), index=index or IndexSettings()
        )
        self.store = open_store(self.settings.store, folder)

    async def index(self) -> Index:
        known = self.store.active_collection()
        name = known.name if known else "tandem"
        return await open_index(
            self.settings.index,
            self.settings.data_dir,
            dimension=DIMENSION,
            fingerprint=FINGERPRINT,
            collection=name,
        )


@pytest.fixture
def place_at(tmp_path: Path) -> Any:
    opened: list[Store] = []

    def make(name: str, url: str | None = None) -> Place:
        made = Place(tmp_path / name, url)
        opened.append(made.store)
        return made

    yield make
    for store in opened:
        store.close()


async def put(place: Place, index: Index, one: Document, version: str, seed: int) -> None:
    chunks = chunks_of(one, version)
    place.store.begin_version(one, version)
    vectors = np.random.default_rng(seed).normal(size=(3, DIMENSION)).astype(np.float32)
    await index.upsert(chunks, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    place.store.commit_version(one.id, version, 3)


async def filled(place: Place) -> Index:
    place.store.found_collection(
        CollectionRecord("tandem", {"model": "m"}, FINGERPRINT, DIMENSION, datetime.now(UTC))
    )
    index = await place.index()
    for number in range(4):
        for tenant in TENANTS:
            await put(place, index, document(tenant, number), "v1", number)
    prompt, _ = place.store.save_prompt("mine", "{{ question }}", "ann")
    place.store.save_recipe("mine", "d" * 64, {"a": [1, None, "ü"]}, ("mine", prompt.hash), "ann")
    place.store.create_job(Caller("acme"), "docs", {"sources": []})
    (place.settings.data_dir / "adapters" / "a" / "1").mkdir(parents=True)
    (place.settings.data_dir / "adapters" / "a" / "1" / "weights.safetensors").write_bytes(bytes(5_000))
    (place.settings.data_dir / "fence.key").write_bytes(b"k" * 32)
    (place.settings.data_dir / "local.key").write_bytes(b"of this run")
    return index


async def archive_of(place: Place, index: Index, path: Path) -> Path:
    with path.open("wb") as out:
        async for piece in make_backup(place.store, index, place.settings):
            out.write(piece)
    return path


async def made(place_at: Callable[..., Place], path: Path, url: str | None = None) -> tuple[Path, Place]:
    place = place_at("first", url)
    index = await filled(place)
    try:
        return await archive_of(place, index, path), place
    finally:
        await index.close()


def rows(store: Store) -> dict[str, list[dict[str, Any]]]:
    """All that is the same after a restore."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table, page in store.dump():
        if table not in ("collections", "audit_log"):
            found.setdefault(table, []).extend(page)
    return found


async def hits(index: Index, seed: int) -> list[tuple[str, str]]:
    vector = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
    query = Query(f"document {seed % 4}", vector / np.linalg.norm(vector), 5, Leg.HYBRID)
    return [(p.chunk.id, p.chunk.text) for t in TENANTS for p in await index.search(Scope(t), query)]


async def test_what_was_kept_comes_back_whole(
    place_at: Callable[..., Place], tmp_path: Path, store_url: str | None
) -> None:
    archive, first = await made(place_at, tmp_path / "a.tar", store_url)
    index = await first.index()
    before, answers = rows(first.store), [await hits(index, seed) for seed in range(20)]
    await index.close()
    second = place_at("second")  # on SQLite, whatever the first was on
    done = await restore(archive, second.store, second.settings)
    assert done.lacking == 0
    assert rows(second.store) == before
    index = await second.index()
    assert [await hits(index, seed) for seed in range(20)] == answers
    await index.close()
    data_dir = second.settings.data_dir
    assert (data_dir / "fence.key").read_bytes() == b"k" * 32
    assert not (data_dir / "local.key").exists()
    assert (data_dir / "adapters" / "a" / "1" / "weights.safetensors").stat().st_size == 5_000
    assert not (data_dir / ".restoring").exists()
    assert second.store.audit_entries()[0].action == "backup.restored"
    assert second.store.verify_audit()[0] == first.store.verify_audit()[0] + 1


async def test_a_laptops_backup_goes_into_the_database_of_a_cluster(
    place_at: Callable[..., Place], tmp_path: Path, store_url: str | None
) -> None:
    archive, first = await made(place_at, tmp_path / "a.tar")
    second = place_at("second", store_url)
    await restore(archive, second.store, second.settings)
    assert rows(second.store) == rows(first.store)


async def test_restoring_the_same_twice_is_restoring_it_once(
    place_at: Callable[..., Place], tmp_path: Path
) -> None:
    archive, first = await made(place_at, tmp_path / "a.tar")
    second = place_at("second")
    for replace in (False, True):
        await restore(archive, second.store, second.settings, replace=replace)
    assert rows(second.store) == rows(first.store)
    assert len(list((second.settings.data_dir / "index").iterdir())) == 1


async def test_what_is_there_is_replaced_only_where_that_is_wanted(
    place_at: Callable[..., Place], tmp_path: Path
) -> None:
    archive, first = await made(place_at, tmp_path / "a.tar")
    before = rows(first.store)
    with pytest.raises(ConflictError, match="8 documents, 1 jobs"):
        await restore(archive, first.store, first.settings)
    assert rows(first.store) == before


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
async def test_a_torn_archive_is_refused_and_nothing_changes(
    place_at: Callable[..., Place], tmp_path: Path, share: float
) -> None:
    archive, _ = await made(place_at, tmp_path / "a.tar")
    content = archive.read_bytes().rstrip(b"\x00")
    archive.write_bytes(content[: int(len(content) * share)])
    second = place_at("second")
    with pytest.raises(InvalidRequestError):
        await restore(archive, second.store, second.settings)
    assert not (second.settings.data_dir / "index").exists()


async def test_an_archive_with_a_changed_byte_is_refused(
    place_at: Callable[..., Place], tmp_path: Path
) -> None:
    archive, _ = await made(place_at, tmp_path / "a.tar")
    whole = archive.read_bytes()
    with tarfile.open(archive) as tar:
        inside = [one.offset_data + one.size // 2 for one in tar if one.size]
    assert len(inside) > 10
    for place in inside:
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InvalidRequestError):
            read_facts(archive)


async def test_an_archive_of_another_hash_than_was_noted_is_refused(
    place_at: Callable[..., Place], tmp_path: Path
) -> None:
    archive, _ = await made(place_at, tmp_path / "a.tar")
    second = place_at("second")
    with pytest.raises(InvalidRequestError, match="has the hash"):
        await restore(archive, second.store, second.settings, expected="0" * 64)
    await restore(archive, second.store, second.settings, expected=read_facts(archive).hash)


@pytest.mark.parametrize(
    "name",
    [
        *("files/../../evil", "files/.hidden/../../x", "/etc/passwd", "other/x"),
        *("files/store.sqlite3", "files/tandem.toml", "files/adapters/../x.key", "files/index/tandem/x"),
        *("store/000000-versions", "index/x.npy"),
    ],
)
async def test_a_member_that_would_leave_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    from tandem.backup.archive import ArchiveFacts, ArchiveWriter

    made_by_hand = ArchiveWriter(ArchiveFacts("1", "0011", "now", "c", "f", 4))
    content = made_by_hand.head() + made_by_hand.member(name, b"x") + made_by_hand.end({}, 0)
    (tmp_path / "evil.tar").write_bytes(content)
    with pytest.raises(InvalidRequestError, match="no name that Tandem gives"):
        read_facts(tmp_path / "evil.tar")


@pytest.mark.parametrize("content", [b"", b"hello", bytes(10_240)])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InvalidRequestError, match="no backup of a Tandem"):
        read_facts(tmp_path / "x")


def test_somebody_elses_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(tmp_path / "f", "f")
    with pytest.raises(InvalidRequestError, match="no backup of a Tandem"):
        read_facts(tmp_path / "x.tar")


async def test_nothing_is_restored_while_a_server_runs(
    place_at: Callable[..., Place], tmp_path: Path, store_url: str | None
) -> None:
    archive, _ = await made(place_at, tmp_path / "a.tar")
    second = place_at("second", store_url)
    second.store.register_worker("w1")
    with pytest.raises(ConflictError, match="runs on this store"):
        await restore(archive, second.store, second.settings)
    second.store.leave_worker("w1")
    await restore(archive, second.store, second.settings)


async def test_a_restore_that_fails_leaves_all_as_it_was(
    place_at: Callable[..., Place], tmp_path: Path, store_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, first = await made(place_at, tmp_path / "a.tar", store_url)
    before = rows(first.store)
    from tandem.backup import restoring

    def broken(path: Path) -> Any:
        yield from list(restoring_rows(path))[:3]
        raise RuntimeError("the power fails")

    restoring_rows = restoring._rows
    monkeypatch.setattr(restoring, "_rows", broken)
    with pytest.raises(RuntimeError, match="power"):
        await restore(archive, first.store, first.settings, replace=True)
    assert rows(first.store) == before
    index = await first.index()
    assert sum([1 async for _ in index.chunks()]) == 24
    await index.close()
    monkeypatch.undo()
    await restore(archive, first.store, first.settings, replace=True)
    assert rows(first.store) == before
    assert len(list((first.settings.data_dir / "index").iterdir())) == 1


async def test_a_backup_of_an_older_schema_is_restored(
    place_at: Callable[..., Place], store_url: str | None
) -> None:
    place = place_at("second", store_url)
    at = datetime.now(UTC).isoformat()
    old = {"name": "p", "number": 1, "hash": "h", "author": "ann", "note": "", "created_at": at, "text": "x"}
    place.store.load("0010", [("prompt_versions", [old])])
    with place.store._engine.connect() as connection:
        assert connection.execute(text("SELECT name, author FROM prompt_versions")).all() == [("p", "ann")]
    assert place.store.audit_entries() == []


async def test_a_backup_of_a_newer_schema_is_refused(place_at: Callable[..., Place]) -> None:
    place = place_at("second")
    with pytest.raises(ConflictError, match="newer Tandem"):
        place.store.load("9999", [])


async def test_a_document_that_is_replaced_meanwhile_is_embedded_again_after_the_restore(
    place_at: Callable[..., Place], tmp_path: Path
) -> None:
    first = place_at("first")
    index = await filled(first)
    replaced = document("acme", 1, "newer")
    pieces: list[bytes] = []
    async for piece in make_backup(first.store, index, first.settings):
        if len(pieces) == 1:  # the rows are of before this, the vectors of after it
            await put(first, index, replaced, "v2", 9)
            await index.delete_version("acme", replaced.id, "v1")
        pieces.append(piece)
    await index.close()
    (tmp_path / "a.tar").write_bytes(b"".join(pieces))
    second = place_at("second")
    done = await restore(tmp_path / "a.tar", second.store, second.settings)
    assert done.lacking == 1
    assert [one.id for one in second.store.orphaned_duplicates()] == [replaced.id]
