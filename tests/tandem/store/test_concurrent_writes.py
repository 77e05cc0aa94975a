"""Writers of the same document at the same time: threads, and processes of their own; on both databases."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Event

import pytest
from sqlalchemy import func, select

from tandem.errors import ConflictError
from tandem.settings import StoreSettings
from tandem.store import Store, open_store
from tandem.store.schema import CURRENT, versions
from tandem.vocabulary import Caller, Document

CALLER = Caller("t")
DOCUMENT = Document("t", "c", "u", "title", "text/plain", "text", "0" * 64)
KNOWN = DOCUMENT.id
WRITERS, ROUNDS = 4, 15


def put(store: Store, version: str) -> str | None:
    store.begin_version(DOCUMENT, version)
    return store.commit_version(KNOWN, version)


def at_once(*tasks: Callable[[], object]) -> list[object]:
    """Results of tasks that start together; raises what the first of them raises."""
    gate = Barrier(len(tasks))

    def run(task: Callable[[], object]) -> object:
        gate.wait(10)
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result(60) for future in [pool.submit(run, task) for task in tasks]]


def current_rows(store: Store) -> int:
    query = select(func.count()).where(versions.c.document_id == KNOWN, versions.c.state == CURRENT)
    with store._engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def check_chain(store: Store, switches: list[tuple[str, str | None]]) -> None:
    """Every version that was shown was superseded exactly once, except the one that is current."""
    superseded = [old for _, old in switches if old is not None]
    shown = [new for new, _ in switches]
    (current,) = store.current_versions("t", [KNOWN]).values()
    assert sorted([*superseded, current]) == sorted(shown)
    assert sorted(left.version for left in store.leftovers()) == sorted(superseded)
    assert current_rows(store) == 1


def test_threads_that_replace_one_document_lose_no_version(store: Store) -> None:
    def write(writer: int) -> list[tuple[str, str | None]]:
        names = [f"{writer}-{number}" for number in range(ROUNDS)]
        return [(name, put(store, name)) for name in names]

    switches = at_once(*(lambda writer=writer: write(writer) for writer in range(WRITERS)))
    check_chain(store, [switch for some in switches for switch in some])


PROGRAM = """
import sys
from pathlib import Path
from tandem.settings import StoreSettings
from tandem.store import open_store
from tandem.vocabulary import Document
url, folder, writer, rounds = sys.argv[1:]
store = open_store(StoreSettings(url=url or None), Path(folder))
document = Document("t", "c", "u", "title", "text/plain", "text", "0" * 64)
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(rounds)):
    version = f"{writer}-{number}"
    store.begin_version(document, version)
    print(version, store.commit_version(document.id, version) or "")
store.close()
"""


@pytest.fixture
def writers(store_url: str | None, tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that open the store at once and then wait for a line."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, store_url or "", tmp_path, str(writer), str(ROUNDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for writer in range(2)
    ]
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def test_two_processes_migrate_at_once_and_replace_one_document_without_losing_a_version(
    writers: list[subprocess.Popen[str]], store_url: str | None, tmp_path: Path
) -> None:
    for process in writers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    switches: list[tuple[str, str | None]] = []
    for process in writers:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        switches += [(new, old or None) for new, _, old in (line.partition(" ") for line in out.splitlines())]
    assert len(switches) == 2 * ROUNDS
    store = open_store(StoreSettings(url=store_url), tmp_path)
    check_chain(store, switches)
    store.close()


def test_the_same_version_begun_and_committed_by_all_is_there_once(store: Store) -> None:
    for number in range(ROUNDS):
        at_once(*[lambda version=f"v{number}": put(store, version)] * WRITERS)
        assert store.current_versions("t", [KNOWN]) == {KNOWN: f"v{number}"}
        assert current_rows(store) == 1


def test_a_document_that_is_being_replaced_can_be_deleted(store: Store) -> None:
    """A deletion takes the old version or the new one; it never finds nothing."""
    for number in range(ROUNDS):
        put(store, f"a{number}")
        at_once(
            lambda version=f"b{number}": put(store, version),
            lambda: store.delete_document(CALLER, "c", KNOWN),
        )
        assert current_rows(store) <= 1


def test_a_sweep_beside_writers_takes_no_current_version(store: Store) -> None:
    done = Event()

    def sweep() -> None:
        while not done.is_set():
            for left in store.leftovers(KNOWN):
                store.forget_version(KNOWN, left.version)

    def write() -> int:
        shown = 0
        try:
            for number in range(3 * ROUNDS):
                with suppress(ConflictError):  # swept between its beginning and its switch, and said so
                    put(store, f"v{number % 3}")
                    shown += 1
        finally:
            done.set()
        return shown

    _, shown = at_once(sweep, write)
    assert shown
    assert current_rows(store) == 1
    assert store.document(CALLER, "c", KNOWN).text == "text"
