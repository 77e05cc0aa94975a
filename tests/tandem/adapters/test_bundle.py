"""Adapters as one file."""

import errno
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_adapter import facts_of

from tandem.adapters import AdapterRegistry, AdapterVersion
from tandem.adapters import bundle as bundle_module
from tandem.adapters.bundle import export_adapter, import_adapter, read_bundle_facts
from tandem.errors import ConflictError, InvalidRequestError, StorageError
from tandem.settings import StoreSettings
from tandem.store import open_store


@pytest.fixture
def version(here: AdapterRegistry, base: Path, adapter: Path) -> AdapterVersion:
    facts = facts_of(base, metrics={"f1": 0.25}, parameters={"lr": 4e-4}, seconds=12.0)
    return here.register(adapter, name="mine", facts=facts, author="ada", note="first", base=base)


@pytest.fixture
def file(here: AdapterRegistry, version: AdapterVersion, tmp_path: Path) -> Path:
    export_adapter(here, version, tmp_path / "mine.tandem-adapter")
    return tmp_path / "mine.tandem-adapter"


@pytest.fixture
def there(migrated: Path, tmp_path: Path):
    """Another Tandem."""
    (tmp_path / "there").mkdir()
    shutil.copyfile(migrated, tmp_path / "there" / migrated.name)
    store = open_store(StoreSettings(), tmp_path / "there")
    yield AdapterRegistry(tmp_path / "there", store)
    store.close()


def test_an_adapter_goes_out_and_comes_in_with_its_weights_and_facts(
    here: AdapterRegistry, there: AdapterRegistry, version: AdapterVersion, file: Path, base: Path
):
    made = import_adapter(there, file, author="bob", base=base)
    assert (made.ref, made.facts, made.rank, made.author) == ("mine@1", version.facts, version.rank, "bob")
    assert "mine@1 by ada" in made.note
    assert made.note.endswith("first")
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert made.files[name] == version.files[name]
    there.verify(made)
    assert import_adapter(there, file, author="bob", name="other").ref == "other@1"
    assert read_bundle_facts(file).facts == version.facts


def test_the_same_version_is_the_same_file_and_tar_can_read_it(
    here: AdapterRegistry, version: AdapterVersion, file: Path, tmp_path: Path
):
    again = tmp_path / "again.tandem-adapter"
    export_adapter(here, version, again)
    assert again.read_bytes() == file.read_bytes()
    with tarfile.open(file, "r:") as tar:
        assert set(tar.getnames()) == set(version.files)
        assert tar.getnames()[0] == "adapter.json"


def test_a_file_that_is_there_is_not_overwritten(here: AdapterRegistry, version: AdapterVersion, file: Path):
    before = file.read_bytes()
    with pytest.raises(ConflictError):
        export_adapter(here, version, file)
    assert file.read_bytes() == before


def test_damaged_weights_do_not_go_out(here: AdapterRegistry, version: AdapterVersion, tmp_path: Path):
    weights = here.folder_of(version) / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(StorageError, match="hash"):
        export_adapter(here, version, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_no_half_of_a_file(
    here: AdapterRegistry, version: AdapterVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fake_full_disk(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bundle_module.os, "fsync", fake_full_disk)
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError, match="No space left"):
        export_adapter(here, version, tmp_path / "out" / "file")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_torn_file_is_refused_wherever_it_is_torn(there: AdapterRegistry, file: Path, tmp_path: Path):
    content = file.read_bytes()
    torn = tmp_path / "torn"
    for length in (0, 1, 511, 512, 600, 2_048, len(content) // 2, len(content) - 1_025, len(content) - 1):
        torn.write_bytes(content[:length])
        with pytest.raises(InvalidRequestError):
            import_adapter(there, torn, author="bob")
    torn.write_bytes(content + b"x")
    with pytest.raises(InvalidRequestError):
        import_adapter(there, torn, author="bob")
    assert there.versions() == []
    assert list((tmp_path / "there" / "adapters").iterdir()) == []


def test_a_changed_byte_is_refused(there: AdapterRegistry, file: Path, tmp_path: Path):
    content = file.read_bytes()
    for place in range(100, len(content), len(content) // 23):
        changed = bytearray(content)
        changed[place] ^= 0x40
        (tmp_path / "changed").write_bytes(changed)
        with pytest.raises(InvalidRequestError):
            import_adapter(there, tmp_path / "changed", author="bob")
    assert there.versions() == []


Change = Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]


def rewritten(file: Path, change: Change) -> Path:
    """The file with its entries changed, as a stranger with a tar library would."""
    with tarfile.open(file, "r:") as tar:
        entries = [(one, tar.extractfile(one).read()) for one in tar]
    change(entries)
    goal = file.with_name("changed")
    with goal.open("wb") as out:
        for entry, content in entries:
            entry.size = len(content) if entry.isreg() else 0
            out.write(entry.tobuf(tarfile.GNU_FORMAT))
            out.write(content if entry.isreg() else b"")
            out.write(b"\0" * (-entry.size % 512))
        out.write(b"\0" * 1024)
    return goal


def _facts(entries: list[tuple[tarfile.TarInfo, bytes]], **changes: object) -> None:
    entries[0] = (entries[0][0], json.dumps(json.loads(entries[0][1]) | changes).encode())


def _listed(entries: list[tuple[tarfile.TarInfo, bytes]], name: str) -> None:
    files = json.loads(entries[0][1])["files"]
    files[name] = files.pop("card.md")
    _facts(entries, files=files)
    for entry, _ in entries:
        entry.name = name if entry.name == "card.md" else entry.name


def _kind(kind: bytes) -> Change:
    def change(entries: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        entries[2][0].type, entries[2][0].linkname = kind, "/etc/passwd"

    return change


def _huge(entries: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    files = json.loads(entries[0][1])["files"]
    files["card.md"]["size"] = 2**49
    _facts(entries, files=files)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda entries: _listed(entries, "../../evil"), "no adapter has"),
        (lambda entries: _listed(entries, "/etc/evil"), "no adapter has"),
        (lambda entries: _listed(entries, "evil.py"), "no adapter has"),
        (lambda entries: entries.reverse(), "begins with"),
        (lambda entries: entries.append((tarfile.TarInfo("../evil"), b"x")), "does not end"),
        (lambda entries: entries.pop(), "end of file header"),
        (lambda entries: _facts(entries, format="other/9"), "format"),
        (lambda entries: _facts(entries, number=-1), "number"),
        (lambda entries: _facts(entries, name="../evil"), "name of an adapter"),
        (lambda entries: _facts(entries, surprise=1), "surprise"),
        (_kind(tarfile.SYMTYPE), "no plain file"),
        (_kind(tarfile.LNKTYPE), "no plain file"),
        (_kind(tarfile.DIRTYPE), "no plain file"),
        (_kind(tarfile.GNUTYPE_LONGNAME), "no plain file"),
        (_kind(tarfile.XHDTYPE), "no plain file"),
    ],
)
def test_a_foreign_file_is_refused_and_writes_nowhere(
    there: AdapterRegistry, file: Path, tmp_path: Path, change: Change, said: str
):
    before = {one for one in tmp_path.rglob("*") if "there" not in one.parts}
    changed = rewritten(file, change)
    with pytest.raises(InvalidRequestError, match=said):
        import_adapter(there, changed, author="bob")
    assert {one for one in tmp_path.rglob("*") if "there" not in one.parts} == before | {changed}
    assert there.versions() == []


def test_a_file_that_says_it_is_larger_than_the_disk_is_not_unpacked(there: AdapterRegistry, file: Path):
    with pytest.raises(StorageError, match="needed"):
        import_adapter(there, rewritten(file, _huge), author="bob")


def test_weights_that_no_registry_would_take_do_not_come_in_by_a_file(there: AdapterRegistry, file: Path):
    """Whoever makes the file makes its hashes, too."""
    import hashlib

    def change(entries: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        config = json.loads(entries[1][1]) | {"auto_mapping": {"parent_library": "evil"}}
        content = json.dumps(config).encode()
        entries[1] = (entries[1][0], content)
        files = json.loads(entries[0][1])["files"]
        files["adapter_config.json"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        _facts(entries, files=files)

    with pytest.raises(InvalidRequestError, match="code of its own"):
        import_adapter(there, rewritten(file, change), author="bob")


def test_a_zip_and_a_file_that_is_not_there_are_refused(there: AdapterRegistry, tmp_path: Path):
    (tmp_path / "x").write_bytes(b"PK\x03\x04" + os.urandom(2_000))
    for file in (tmp_path / "x", tmp_path / "nosuch", tmp_path):
        with pytest.raises(InvalidRequestError):
            import_adapter(there, file, author="bob")


def test_a_disk_that_fills_up_while_importing_leaves_nothing(
    there: AdapterRegistry, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = Path.open

    def fake_full_disk(path: Path, mode: str = "r", *arguments: object, **options: object) -> io.IOBase:
        if "x" in mode and path.name == "adapter_model.safetensors":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", fake_full_disk)
    with pytest.raises(StorageError, match="No space left"):
        import_adapter(there, file, author="bob")
    monkeypatch.undo()
    assert there.versions() == []
    assert list((tmp_path / "there" / "adapters").iterdir()) == []
