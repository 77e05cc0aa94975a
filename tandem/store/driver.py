"""Reads that every question makes, straight by the database's driver.

What SQLAlchemy does around a statement takes longer than a small statement itself. It still writes the statement's
words, once for each number of values, and keeps the connections.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sqlalchemy import Engine, Select
from sqlalchemy.exc import DBAPIError

READ_TIMEOUT_MS = 500
"""Readers wait for nobody but one who has the whole file; an answer must not wait for that one."""
IN_USE = "tandem_in_use"
"""Execution option of an engine whose database is open and migrated."""
_PATIENCE = "tandem_busy_timeout"
_MOST_FORMS = 256


def set_patience(info: MutableMapping[Any, Any], execute: Callable[[str], Any], milliseconds: int) -> None:
    """Let a connection to SQLite, whose `info` it is, wait so long for a lock."""
    if info.get(_PATIENCE) != milliseconds:
        execute(f"PRAGMA busy_timeout = {milliseconds}")
        info[_PATIENCE] = milliseconds


@dataclass(frozen=True, slots=True)
class _Form:
    """The words for so many values."""

    words: str
    names: tuple[str, ...]
    """Of the values, in their order."""
    constants: Mapping[str, Any]
    processors: Mapping[str, Callable[[Any], Any]]
    """What the driver wants made of a value."""
    positional: bool


class DirectSelect:
    """One SELECT with bound parameters, of which those that hold a list are `expanding`. Any thread may call.

    Its columns must be of types that the driver gives as they are, such as text.
    """

    def __init__(self, query: Select[Any]) -> None:
        self._query = query
        self._forms: dict[tuple[str, tuple[int, ...]], _Form] = {}
        self._lock = Lock()

    def rows(self, engine: Engine, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows for these values, in a transaction of their own. Raises `DBAPIError`."""
        form = self._form(engine, values)
        flat = dict(form.constants) | _flat(values)
        bound = {
            name: form.processors[name](flat[name]) if name in form.processors else flat[name]
            for name in form.names
        }
        with _cursor(engine, form.words) as cursor:
            cursor.execute(form.words, tuple(bound.values()) if form.positional else bound)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def _form(self, engine: Engine, values: Mapping[str, Any]) -> _Form:
        sizes = tuple(len(value) for value in values.values() if isinstance(value, list))
        key = engine.dialect.name, sizes
        form = self._forms.get(key)
        if form is None:
            form = self._written(engine, values)
            with self._lock:
                if len(self._forms) >= _MOST_FORMS:
                    self._forms.clear()
                self._forms[key] = form
        return form

    def _written(self, engine: Engine, values: Mapping[str, Any]) -> _Form:
        compiled = self._query.compile(engine)
        state = compiled.construct_expanded_state(dict(values))
        names = tuple(state.positiontup or state.parameters)
        given = _flat(values)
        constants = {name: state.parameters[name] for name in names if name not in given}
        processors = {name: state.processors[name] for name in names if callable(state.processors.get(name))}
        return _Form(state.statement, names, constants, processors, bool(compiled.positional))


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Every value under the name that SQLAlchemy gives it."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list):
            flat |= {f"{name}_{n}": one for n, one in enumerate(value, start=1)}
        else:
            flat[name] = value
    return flat


@contextmanager
def _cursor(engine: Engine, words: str) -> Iterator[Any]:
    """The driver's cursor on a pooled connection, which is thrown away where the driver fails."""
    connection = None
    try:
        connection = engine.raw_connection()
        cursor = connection.cursor()
        if engine.dialect.name == "sqlite" and IN_USE in engine.get_execution_options():
            set_patience(connection.info, cursor.execute, READ_TIMEOUT_MS)
        yield cursor
        cursor.close()
    except engine.dialect.loaded_dbapi.Error as error:
        # The pool gives the driver's own errors on, of a server out of reach above all.
        if connection is not None:
            connection.invalidate(error)
        raise DBAPIError.instance(words, None, error, engine.dialect.loaded_dbapi.Error) from error
    finally:
        if connection is not None:
            connection.close()
