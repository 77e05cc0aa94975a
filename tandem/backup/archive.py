"""The archive: a tar whose last member lists every other one with its size and its hash.

An archive that was cut off has no such list, and one that was changed does not fit to it.
"""

import json
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from tandem.errors import ConflictError, InvalidRequestError

FORMAT = 1
_HEAD = "tandem-backup.json"
_LIST = "members.json"
FOLDERS = ("adapters", "embedders", "eval")
"""Of the data folder, what cannot be had again from elsewhere; beside them only keys are taken, and put back."""
_NAME = re.compile(
    r"store/\d+-[a-z_]+\.jsonl\.gz|index/\d+\.(jsonl\.gz|npy)|"
    rf"files/(\w+\.key|({'|'.join(FOLDERS)})(/[\w.@+-]+)+)"
)
_TOLD = ("tandem", "schema", "made_at", "collection", "fingerprint", "dimension")
_PIECE = 2**20
_MOST_NAMES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """What an archive says of itself."""

    tandem: str
    """The version of Tandem that made it."""
    schema: str
    """The schema of its store."""
    made_at: str
    """ISO 8601."""
    collection: str
    fingerprint: str
    """Of the embedder that its vectors are of, and their `dimension`."""
    dimension: int
    hash: str = ""
    """SHA-256 of its list of members, and so of all of it: what to compare with, if it was kept elsewhere."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows by table."""
    chunks: int = 0


class ArchiveWriter:
    """Makes the bytes of an archive, piece by piece."""

    def __init__(self, facts: ArchiveFacts) -> None:
        self._facts = facts
        self._members: dict[str, tuple[int, str]] = {}

    def head(self) -> bytes:
        """The first member."""
        return self.member(_HEAD, _json({"format": FORMAT, **asdict(self._facts)}))

    def member(self, name: str, content: bytes) -> bytes:
        """A member that is held whole."""
        self._members[name] = (len(content), sha256(content).hexdigest())
        return _header(name, content) + _padded(content)

    def file(self, name: str, path: Path) -> Iterator[bytes]:
        """A member that is a file. Raises `ConflictError` where it changes while it is read."""
        size, done, digest = path.stat().st_size, 0, sha256()
        yield _header(name, size)
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                done += len(piece)
                digest.update(piece)
                yield piece
        if done != size:
            raise ConflictError(f"{path} has changed while it was read", hint="Make the backup again.")
        self._members[name] = (size, digest.hexdigest())
        yield bytes(-size % tarfile.BLOCKSIZE)

    def end(self, rows: dict[str, int], chunks: int) -> bytes:
        """The list, and the end of the tar."""
        body = _json({"members": self._members, "rows": rows, "chunks": chunks})
        return _header(_LIST, body) + _padded(body) + bytes(2 * tarfile.BLOCKSIZE)


def read_facts(path: Path, watch: Callable[[int], None] = lambda size: None) -> ArchiveFacts:
    """What the archive is, after every byte of it was compared with its hash; `watch` gets bytes as they are read.

    Raises `InvalidRequestError` for a file that is no backup, is torn, or was changed.
    """
    seen = _Seen(path)
    try:
        for name, file in _members(path):
            seen.take(name, file, watch)
    except (tarfile.TarError, EOFError) as error:
        raise _broken(path, str(error)) from error
    return seen.facts()


class _Seen:
    """What was read of an archive so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, tuple[int, str]] = {}
        self._head: dict[str, Any] | None = None
        self._list: dict[str, Any] | None = None
        self._digest = ""

    def take(self, name: str, file: IO[bytes], watch: Callable[[int], None]) -> None:
        """Read the next member."""
        if self._list is not None:
            raise _broken(self._path, f"{name} comes after its end")
        if self._head is None and name != _HEAD:
            raise _no_backup(self._path)
        if name in (_HEAD, _LIST):
            content = file.read(_MOST_NAMES)
            self._digest = sha256(content).hexdigest()
            if name == _LIST:
                self._list = _object(self._path, content)
            else:
                self._head = _object(self._path, content)
                self._found[name] = (len(content), self._digest)
            return
        if _NAME.fullmatch(name) is None or name in self._found or ".." in name.split("/"):
            raise _broken(self._path, f"{name!r} is no name that Tandem gives")
        size, digest = 0, sha256()
        while piece := file.read(_PIECE):
            size += len(piece)
            digest.update(piece)
            watch(len(piece))
        self._found[name] = (size, digest.hexdigest())

    def facts(self) -> ArchiveFacts:
        """All of it is read."""
        if self._head is None:
            raise _no_backup(self._path)
        if self._list is None:
            raise _broken(self._path, "its end is missing")
        if self._head.get("format") != FORMAT:
            raise InvalidRequestError(
                f"{self._path} is of a newer Tandem", param="archive", hint="Use that version of Tandem."
            )
        listed = {name: (int(size), str(one)) for name, (size, one) in self._list["members"].items()}
        _compare(self._path, listed, self._found)
        told = {name: self._head[name] for name in _TOLD}
        return ArchiveFacts(**told, hash=self._digest, rows=self._list["rows"], chunks=self._list["chunks"])


def members(path: Path, below: str) -> Iterator[tuple[str, IO[bytes]]]:
    """The members whose names begin with `below`, in their order; each is read before the next is asked for."""
    for name, file in _members(path):
        if name.startswith(below):
            yield name, file


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        archive = tarfile.open(path, "r:")  # noqa: SIM115 - closed below
    except tarfile.ReadError as error:
        raise _no_backup(path) from error
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror}", param="archive") from error
    with archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            if file is None:
                raise _broken(path, f"{member.name!r} is no plain file")
            yield member.name, file


def _compare(path: Path, listed: dict[str, tuple[int, str]], found: dict[str, tuple[int, str]]) -> None:
    for name, member in listed.items():
        if found.get(name) != member:
            raise _broken(path, f"{name} is {'not what it was' if name in found else 'missing'}")
    for name in found:
        if name not in listed:
            raise _broken(path, f"{name} was put in later")


def _object(path: Path, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise _broken(path, "its description cannot be read") from error
    if not isinstance(value, dict):
        raise _broken(path, "its description is none")
    return value


def _header(name: str, content: bytes | int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = content if isinstance(content, int) else len(content)
    info.mode = 0o600
    return info.tobuf(tarfile.PAX_FORMAT)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % tarfile.BLOCKSIZE)


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _no_backup(path: Path) -> InvalidRequestError:
    return InvalidRequestError(
        f"{path} is no backup of a Tandem", param="archive", hint="`tandem backup FILE` makes one."
    )


def _broken(path: Path, why: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"The backup {path} is torn or was changed: {why}",
        param="archive",
        hint="Nothing was restored. Take another copy of it, or an older backup.",
    )
