"""The manifest of a corpus: its name, its sources, and how its documents are cut."""

import difflib
from pathlib import Path
from typing import Any, Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ingest.accept import check_corpus
from ingest.sources import BucketSource, FilesSource, ReaderSource, SitemapSource, Source, UrlsSource
from tandem.errors import InvalidRequestError, NotFoundError, StorageError, TooLargeError
from tandem.vocabulary import DEFAULT_CORPUS

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_BYTES = 2 * 1024 * 1024
_DEEPEST = 16
_KINDS: dict[str, type[BaseModel]] = {
    kind.model_fields["kind"].default: kind
    for kind in (FilesSource, UrlsSource, SitemapSource, BucketSource, ReaderSource)
}


class Splitting(BaseModel):
    """How a corpus's documents are cut; `None` leaves it to the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: Literal["sentence", "markdown", "semantic", "parent"] | None = None
    tokens: int | None = Field(None, ge=16, le=100_000)
    overlap: int | None = Field(None, ge=0, le=100_000)
    parent_tokens: int | None = Field(None, ge=16, le=100_000)
    header: bool | None = None

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.tokens is not None and self.overlap is not None and self.overlap >= self.tokens:
            raise ValueError("overlap must be smaller than tokens")
        if self.tokens is not None and self.parent_tokens is not None and self.parent_tokens < self.tokens:
            raise ValueError("parent_tokens must not be smaller than tokens")
        return self


class Manifest(BaseModel):
    """What a corpus is made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    corpus: str = DEFAULT_CORPUS
    sources: tuple[Source, ...] = Field(min_length=1, max_length=1_000)
    splitting: Splitting = Splitting()

    @field_validator("corpus")
    @classmethod
    def _named(cls, corpus: str) -> str:
        try:
            check_corpus(corpus)
        except InvalidRequestError as error:
            raise ValueError(f"{error.message}: {error.hint}") from error
        return corpus


def read_manifest(path: Path) -> Manifest:
    """Read a YAML (or JSON) file; paths in it begin at its folder.

    Raises `NotFoundError`, `StorageError`, `TooLargeError`, and `InvalidRequestError` naming the line or
    the key that is wrong.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise TooLargeError(f"{path.name} is larger than {_MOST_BYTES // 1024**2} MiB", param="manifest")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no manifest {path}", param="manifest") from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}", hint="Check that the file can be read.") from error
    manifest = manifest_of(_parsed(content, path.name), path.name)
    folder = path.resolve().parent
    sources = tuple(
        source.model_copy(update={"paths": tuple(folder / one.expanduser() for one in source.paths)})
        if isinstance(source, FilesSource)
        else source
        for source in manifest.sources
    )
    return manifest.model_copy(update={"sources": sources})


def manifest_of(value: object, name: str = "manifest") -> Manifest:
    """The manifest that a parsed document describes, such as a request's JSON.

    Raises `InvalidRequestError` that names the place of the first fault.
    """
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        # An unknown key first: a misspelt one is why another is missing.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        place = _place(first["loc"])
        if first["type"] == "extra_forbidden":
            reason, hint = "is not a key of a manifest", _known_keys(first["loc"])
        else:
            reason, hint = first["msg"].removeprefix("Value error, "), None
        where = f"{name}: {place}" if place else name
        raise InvalidRequestError(f"{where}: {reason}", param=place or None, hint=hint) from error


def _parsed(content: bytes, name: str) -> Any:
    try:
        _refuse_traps(content)
        _refuse_twice(yaml.compose(content, Loader=_LOADER))
        return yaml.load(content, Loader=_LOADER)  # noqa: S506 - one of the two safe ones
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InvalidRequestError(f"{name}{line}: {error.problem}", param="manifest") from error
    except (yaml.YAMLError, ValueError) as error:  # such as a date that is none
        raise InvalidRequestError(f"{name} is not YAML: {error}", param="manifest") from error


def _refuse_traps(content: bytes) -> None:
    """Raise for an alias, by which a few lines become gigabytes, and for depth, before anything is built."""
    depth = 0
    for event in yaml.parse(content, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(None, None, "an alias (*) is not read; write it out", event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.MarkedYAMLError(None, None, f"nested deeper than {_DEEPEST}", event.start_mark)


def _refuse_twice(node: Any) -> None:
    """Raise for a key that stands twice, of which YAML would keep the last unseen."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
            _refuse_twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_twice(value)


def _place(location: tuple[int | str, ...]) -> str:
    """`sources[0].include`, from a place of pydantic's, which holds the source's kind besides."""
    place = ""
    for before, part in zip((None, *location), location, strict=False):
        if isinstance(part, int):
            place += f"[{part}]"
        elif not (isinstance(before, int) and part in _KINDS and place.startswith("sources[")):
            place += f".{part}" if place else part
    return place


def _known_keys(location: tuple[int | str, ...]) -> str:
    """What may stand in the place of an unknown key, the likeliest first."""
    model: type[BaseModel] = Manifest
    for part in location[:-1]:
        if isinstance(part, str):
            model = _KINDS.get(part) or _model_of(model, part) or model
    known = sorted(model.model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return (f"Did you mean {close[0]!r}? " if close else "") + f"Known: {', '.join(known)}."


def _model_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    field = model.model_fields.get(name)
    choices = () if field is None else (field.annotation, *get_args(field.annotation))
    return next((one for one in choices if isinstance(one, type) and issubclass(one, BaseModel)), None)
