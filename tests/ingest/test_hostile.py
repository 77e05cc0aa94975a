"""Hostile files: each ends soon, within its memory, as text or as a refusal; nothing gets out."""

import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from hostile import archives, documents

from ingest.accept import Upload, accept
from ingest.child import ParserChildren
from ingest.parsing import Parsed, parse
from ingest.sniffing import sniff
from tandem.errors import TandemError, UnsupportedDocumentError
from tandem.settings import IngestSettings

SETTINGS = IngestSettings(ocr=True, parse_timeout_s=9.0)
LONGEST_S = 10.0
MIB = 1024 * 1024
SECRET = "root:x:0:0"  # how /etc/passwd begins


@dataclass
class Peaks:
    """Watches the memory of this process's children; the kernel keeps the peak of each."""

    loaded: int = 0
    seen: dict[int, int] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self.ended.wait(0.01):
            for child in psutil.Process().children():
                self.seen[child.pid] = max(self.seen.get(child.pid, 0), _peak(child.pid))


def _peak(pid: int) -> int:
    try:
        # Before it is a child of its own, it is a copy of this process, with the memory of this one.
        if b"worker.py" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            return 0
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where temporary folders are made for the time of these tests."""
    folder = tmp_path_factory.mktemp("hostile")
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    yield folder
    tempfile.tempdir = before


def outcome(children: ParserChildren, name: str, content: bytes) -> tuple[float, Parsed | TandemError]:
    start = time.monotonic()
    try:
        found: Parsed | TandemError = parse(accept(Upload(name, name, content), SETTINGS), children)
    except TandemError as error:
        found = error
    return time.monotonic() - start, found


@pytest.mark.timeout(240)
def test_every_hostile_document_ends_soon_and_small_as_text_or_as_a_refusal(temporary: Path) -> None:
    files = documents()
    assert len(files) >= 120
    children = ParserChildren(SETTINGS)
    peaks = Peaks()
    children.holds()
    peaks.loaded = children._idle.queue[0].loaded_bytes
    watcher = threading.Thread(target=peaks.watch)
    watcher.start()
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(files, pool.map(lambda one: outcome(children, *one), files.items()), strict=True))
    peaks.ended.set()
    watcher.join()
    children.close()
    assert [name for name, (seconds, _) in found.items() if seconds > LONGEST_S] == []
    assert max(peaks.seen.values()) - peaks.loaded <= SETTINGS.parse_memory_mb * MIB
    assert list(temporary.rglob("*")) == []
    for name, (_, result) in found.items():
        if isinstance(result, TandemError):
            assert name in result.message
            assert result.hint
            continue
        assert result.text or result.attachments, name
        assert SECRET not in result.text, name
        for page in result.pages:
            assert 0 <= page.start <= page.end <= len(result.text), name
        assert all(0 <= block.start < block.end <= len(result.text) for block in result.blocks), name
        assert all("/" not in one.name and "\\" not in one.name for one in result.attachments), name


def test_the_next_document_is_read_as_if_nothing_had_been(temporary: Path) -> None:
    children = ParserChildren(SETTINGS)
    good = b"<h1>Tides</h1><p>The tide turns at noon.</p>"
    for name in ("bomb.xlsx", "deep.pptx", "flate-bomb.pdf", "nested-parts.eml"):
        _, refused = outcome(children, name, documents()[name])
        assert isinstance(refused, TandemError)
        _, read = outcome(children, "good.html", good)
        assert isinstance(read, Parsed)
        assert read.text == "# Tides\n\nThe tide turns at noon."
    children.close()


def test_hostile_archives_are_known_for_archives_at_once_and_are_no_documents() -> None:
    for name, content in archives().items():
        start = time.monotonic()
        assert sniff(content, name).is_archive, name
        assert time.monotonic() - start < 0.2, name
        with pytest.raises(UnsupportedDocumentError, match="archive"):
            accept(Upload("x", name, content), SETTINGS)
