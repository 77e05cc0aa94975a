"""Asks many questions a few at a time, and keeps each answer as it comes: what was asked is not asked again."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import FileIO
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tandem.errors import StorageError


@dataclass(frozen=True, slots=True)
class Wish:
    """One question to one recipe."""

    recipe: str
    """`NAME` or `NAME@VERSION`."""
    version: str
    """Hash of what the recipe says now: an answer of another version is another answer."""
    id: str
    question: str
    without: tuple[str, ...] = ()
    """Documents, by id or address, that are searched as if they were not there."""
    corpora: tuple[str, ...] = ()
    """Corpora to search; all where none is named."""
    instructions: str = ""
    """Said to the model before the question, as a system message."""
    max_tokens: int | None = None
    """Most tokens of the answer; the recipe's own where there is none."""

    @property
    def key(self) -> str:
        """The same for the same wish, in hex."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KnownRecipe:
    """What is to be known of a recipe before it is asked."""

    version: str
    """Hash of all that shapes its answers."""
    retrieves: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a wish."""

    text: str
    abstained: bool
    """Whether serving said that it does not know; a recipe without retrieval never does."""
    cited: tuple[str, ...]
    """Texts of the passages behind the citations, one for each."""
    tokens_in: int
    tokens_out: int
    seconds: float
    finish_reason: str
    evidence: float | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the file of answers."""

    key: str
    wish: Wish
    reply: Reply


Ask = Callable[[Wish], Awaitable[Reply]]
KnowRecipe = Callable[[str], Awaitable[KnownRecipe]]
Moved = Callable[[int, int, int], None]
"""Is told how many wishes are done, of how many, and the tokens that were written for them in this run."""

_line = TypeAdapter(_Line)


async def ask_all(
    wishes: Sequence[Wish],
    ask: Ask,
    kept: Path,
    *,
    at_once: int = 8,
    moved: Moved = lambda done, total, tokens: None,
) -> list[Reply]:
    """The replies in the order of the wishes. Those that `kept` has are taken from there, the others added to it.

    The first failure ends the run: what is under way then is cancelled, what was answered is kept. Raises what
    `ask` raises, and `StorageError` where `kept` cannot be written.
    """
    replies = read_replies(kept)
    missing = list({wish.key: wish for wish in wishes if wish.key not in replies}.values())
    done, written = len(wishes) - len(missing), 0
    moved(done, len(wishes), 0)
    free = asyncio.Semaphore(at_once)
    async with _appending(kept) as file:

        async def one(wish: Wish) -> None:
            nonlocal done, written
            async with free:
                reply = await ask(wish)
            _keep(file, kept, wish, reply)
            replies[wish.key] = reply
            done, written = done + 1, written + reply.tokens_out
            moved(done, len(wishes), written)

        await all_or_first_failure([one(wish) for wish in missing])
    return [replies[wish.key] for wish in wishes]


def read_replies(file: Path) -> dict[str, Reply]:
    """The replies of a file by the keys of their wishes. A line that a kill has cut short is passed over.

    Raises `StorageError` for a file that is there and cannot be read.
    """
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StorageError(f"{file} cannot be read: {error.strerror}") from error
    found = {}
    for line in lines:
        try:
            known = _line.validate_json(line)
        except ValidationError:
            continue
        found[known.key] = known.reply
    return found


async def all_or_first_failure(asking: Sequence[Awaitable[None]]) -> None:
    """Wait for all; the first error ends the others. Not a task group: its group of errors would hide the one that
    the user is to read.
    """
    tasks = [asyncio.ensure_future(each) for each in asking]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _appending(file: Path) -> AsyncIterator[FileIO]:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        begun = file.exists() and file.stat().st_size > 0 and not file.read_bytes().endswith(b"\n")
        # Unbuffered: a line is in the file when its answer is counted.
        out = file.open("ab", buffering=0)
        if begun:
            out.write(b"\n")
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}") from error
    with out:
        yield out


def _keep(out: FileIO, file: Path, wish: Wish, reply: Reply) -> None:
    try:
        out.write(_line.dump_json(_Line(wish.key, wish, reply)) + b"\n")
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}") from error
