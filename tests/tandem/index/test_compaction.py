"""Compaction of the embedded index: it changes how chunks are kept, and never which are found."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from index_chunks import chunk

import tandem
from tandem.errors import StorageError
from tandem.index import Index, Leg, Query, Vector, open_index, optimizer
from tandem.index.edge import EdgeIndex
from tandem.settings import IndexSettings
from tandem.vocabulary import Chunk, Marks, Passage, Scope

SETTINGS = IndexSettings(graph_from_chunks=1_000, compact_after_chunks=1_000)
DIMENSION = 64
MANY = 4_000


def vectors(count: int, seed: int) -> Vector:
    """Vectors in clusters, as texts have them."""
    random = np.random.default_rng(seed)
    found = random.standard_normal((40, DIMENSION))[random.integers(0, 40, count)]
    found += 0.5 * random.standard_normal((count, DIMENSION))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def chunks(count: int, version: str = "v1", tenant: str = "acme") -> list[Chunk]:
    return [chunk(f"word{n % 50} number {n}", n, tenant=tenant, version=version) for n in range(count)]


async def open_here(folder: Path, settings: IndexSettings = SETTINGS) -> EdgeIndex:
    index = await open_index(settings, folder, dimension=DIMENSION, fingerprint="f")
    assert isinstance(index, EdgeIndex)
    return index


def folder_of(data_dir: Path) -> Path:
    """The folder of the one tenant who is there."""
    (folder,) = (data_dir / "index" / SETTINGS.collection / "tenants").iterdir()
    return folder


@pytest.fixture
async def large(tmp_path: Path) -> AsyncIterator[EdgeIndex]:
    index = await open_here(tmp_path)
    await index.upsert(chunks(MANY), vectors(MANY, 1))
    await index.upsert(chunks(100, tenant="small"), vectors(100, 2))
    yield index
    await index.close()


async def everything(index: Index) -> dict[str, Chunk]:
    return {each.id: each async for each in index.chunks()}


async def test_compaction_keeps_every_chunk_and_finds_as_before(large: EdgeIndex) -> None:
    before = await everything(large)
    questions = vectors(50, 1)

    async def top(tenant: str, leg: Leg) -> list[list[Passage]]:
        return [
            await large.search(Scope(tenant), Query(f"number {n}", vector, 10, leg))
            for n, vector in enumerate(questions)
        ]

    exact, words, few = (
        await top("acme", Leg.DENSE),
        await top("acme", Leg.BM25),
        await top("small", Leg.DENSE),
    )
    assert await large.compact()
    assert await everything(large) == before
    near = await top("acme", Leg.DENSE)
    assert np.mean([len(_ids(a) & _ids(b)) / 10 for a, b in zip(exact, near, strict=True)]) > 0.95
    assert list(map(_ids, await top("small", Leg.DENSE))) == list(map(_ids, few))
    # The number stands in one chunk only; the others are equal, and which of them are taken is chance.
    assert [found[0].chunk for found in await top("acme", Leg.BM25)] == [found[0].chunk for found in words]


def _ids(passages: list[Passage]) -> set[str]:
    return {passage.chunk.id for passage in passages}


async def test_compaction_is_done_when_enough_has_changed_and_counted_from_there(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    await index.upsert(chunks(999), vectors(999, 1))
    assert not await index.compact()
    await index.upsert([chunk("one more", 999)], vectors(1, 2))
    assert await index.compact()
    assert not await index.compact()
    assert await index.delete("acme", "docs") == 1_000
    assert await index.compact()
    assert not await index.compact(at_once=True)
    await index.close()


async def test_a_reopened_index_still_knows_that_it_is_due(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    await index.upsert(chunks(MANY), vectors(MANY, 1))
    await index.close()
    index = await open_here(tmp_path)
    assert await index.compact()
    await index.close()
    index = await open_here(tmp_path)
    assert not await index.compact()
    assert len(await everything(index)) == MANY
    await index.close()


async def test_what_is_written_and_removed_meanwhile_is_there_and_gone_afterwards(large: EdgeIndex) -> None:
    expected = await everything(large)
    compaction = asyncio.create_task(large.compact())
    document, step = chunks(1)[0].document_id, 0
    soon = datetime.now(UTC) + timedelta(hours=1)
    while not compaction.done():
        version = f"w{step}"
        fresh = [replace(each, marks=Marks(("new",))) for each in chunks(3, version)]
        await large.upsert(fresh, vectors(3, step))
        expected |= {each.id: each for each in fresh}
        if step % 3 == 0:  # written and removed
            assert await large.delete_version("acme", document, version) == 3
            expected = {key: each for key, each in expected.items() if each.version != version}
        if step % 3 == 1:  # changed where it is
            await large.set_expiry("acme", document, version, soon)
            changed = {each.id: replace(each, marks=Marks(("new",), {}, soon)) for each in fresh}
            expected |= changed
        if step == 2:  # something that the copy has
            assert await large.delete("small") == 100
            expected = {key: each for key, each in expected.items() if each.tenant != "small"}
        found = await large.search(Scope("acme"), Query("word1", vectors(1, 1)[0], 10))
        assert len(found) == 10
        step += 1
        await asyncio.sleep(0.02)
    assert await compaction
    assert step > 5
    assert await everything(large) == expected


async def test_the_event_loop_and_searches_go_on_while_a_child_works(large: EdgeIndex) -> None:
    compaction = asyncio.create_task(large.compact())
    longest, begun = 0.0, time.monotonic()
    last = begun
    while not compaction.done():
        await large.search(Scope("acme"), Query("word1", vectors(1, 1)[0], 10))
        await asyncio.sleep(0.001)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert await compaction
    assert longest < (last - begun) / 4


async def test_closing_ends_a_compaction_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    await index.upsert(chunks(MANY), vectors(MANY, 1))
    compaction = asyncio.create_task(index.compact())
    folder = folder_of(tmp_path)
    while not (folder / "shard-1").exists():
        await asyncio.sleep(0.01)
    begun = time.monotonic()
    await index.close()
    assert time.monotonic() - begun < 5
    assert not await compaction
    assert sorted(each.name for each in folder.iterdir()) == ["due", "shard", "shard.json"]
    index = await open_here(tmp_path)
    assert len(await everything(index)) == MANY
    await index.close()


async def test_a_child_that_dies_is_an_error_and_the_index_serves_on(
    large: EdgeIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "dies.py"
    broken.write_text("raise SystemExit('out of memory')")
    before = await everything(large)
    with monkeypatch.context() as patch:
        patch.setattr("tandem.index.compaction._OPTIMIZER", broken)
        with pytest.raises(StorageError, match="out of memory"):
            await large.compact()
    assert await everything(large) == before
    assert await large.compact()
    assert await everything(large) == before


async def test_a_disk_without_room_is_told_before_anything_is_copied(
    large: EdgeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        usage = type("Usage", (), {"free": 1_000})
        patch.setattr("shutil.disk_usage", lambda _: usage)
        with pytest.raises(StorageError, match="must be free"):
            await large.compact()
    assert len(await everything(large)) == MANY + 100


KILLED = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from test_compaction import MANY, chunks, open_here, vectors

async def main():
    index = await open_here(Path(sys.argv[1]))
    await index.upsert(chunks(MANY), vectors(MANY, 1))
    task = asyncio.create_task(index.compact())
    print("compacting", flush=True)
    n = 0
    while not task.done():
        await index.upsert(chunks(1, f"k{{n}}"), vectors(1, n))
        n += 1
        print(n, flush=True)
    await task
    print("compacted", n, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0])
async def test_kill_9_at_any_moment_of_a_compaction_loses_nothing(moment: float, tmp_path: Path) -> None:
    root = Path(tandem.__file__).parent.parent
    paths = [str(root), str(root / "tests"), str(Path(__file__).parent)]
    script = tmp_path / "killed.py"
    script.write_text(KILLED.format(paths=paths))
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "compacting\n"
        await asyncio.sleep(moment)
        process.kill()
        said = process.stdout.read().splitlines()
    written = max((int(line) for line in said if line.isdecimal()), default=0)
    index = await open_here(tmp_path)
    left = await everything(index)
    versions = {each.version for each in left.values()} - {"v1"}
    assert versions >= {f"k{n}" for n in range(written)}
    assert len(versions) <= written + 1
    assert len(left) == MANY + len(versions)
    folders = [each.name for each in folder_of(tmp_path).iterdir() if each.is_dir()]
    assert len(folders) == 1
    await index.close()


def test_a_child_whose_parent_died_before_it_could_be_tied_to_leaves_the_folder_alone(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    command = [sys.executable, "-P", optimizer.__file__, str(tmp_path / "shard"), str(gone.pid)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "is gone" in done.stderr


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    """A stand-in for the optimizer that would sleep, tied to its parent as the optimizer is."""
    root = Path(tandem.__file__).parent.parent
    child = tmp_path / "sleeps.py"
    child.write_text(
        f"import os, sys, time\nsys.path.insert(0, {str(root)!r})\n"
        "from tandem.index.optimizer import tie_to_parent\n"
        "tie_to_parent(int(sys.argv[2]))\nopen(sys.argv[1] + '/pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    )
    parent = tmp_path / "parent.py"
    parent.write_text(
        f"import sys\nsys.path.insert(0, {str(root)!r})\nfrom pathlib import Path\n"
        "from tandem.index import compaction\n"
        f"compaction._OPTIMIZER = Path({str(child)!r})\n"
        "compaction.OptimizerChild().run(Path(sys.argv[1]))\n"
    )
    with subprocess.Popen([sys.executable, str(parent), str(tmp_path)]) as process:
        note = tmp_path / "pid"
        _wait(lambda: note.exists() and note.read_text() != "")
        process.kill()
    pid = int(note.read_text())
    _wait(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat").read_text() if Path(f"/proc/{pid}/stat").exists() else ""
    return ") Z" not in status


def _wait(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
