"""The kinds of sources, as a manifest or a request writes them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from ingest.records import Records, moment_of
from ingest.sources.globs import Choice, Glob
from tandem.access_groups import is_group
from tandem.vocabulary import Marks

_SECRET = re.compile(
    r"(^|[_-])(key|token|secret|passw(or)?d|passphrase|credentials?|sas|pwd|auth|authorization)([_-]|$)"
    r"|connection_?string|api_?key|access_?key|private_?key|account_?key|id_?token",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"://[^/?#]*@")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEEPEST = 8


def _group(name: str) -> str:
    if not is_group(name):
        raise ValueError(f"{name[:80]!r} cannot be the name of an access group")
    return name


Scalar = StrictStr | StrictBool | StrictInt | StrictFloat
Tag = Annotated[str, Field(min_length=1, max_length=200)]
Group = Annotated[str, AfterValidator(_group)]
Key = Annotated[str, Field(min_length=1, max_length=100)]


def no_secrets(value: Any, depth: int = 0) -> Any:
    """`value`, unless one of its keys is that of a secret; raises `ValueError` with what to do instead."""
    if depth > _DEEPEST:
        raise ValueError(f"nested deeper than {_DEEPEST}")
    if isinstance(value, dict):
        for key, inner in value.items():
            if _SECRET.search(str(key)):
                raise ValueError(
                    f"{key!r} looks like a secret, which must not stand here; name a variable of the "
                    "environment or a profile instead"
                )
            no_secrets(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            no_secrets(inner, depth + 1)
    elif isinstance(value, str) and _USERINFO.search(value):
        raise ValueError("an address with a user's name or password in it must not stand here")
    return value


Arguments = Annotated[dict[str, Any], AfterValidator(no_secrets)]
Address = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(no_secrets)]


class _Source(BaseModel):
    """What every source may say of its documents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tags: tuple[Tag, ...] = Field((), max_length=100)
    metadata: dict[Key, Scalar] = Field(default_factory=dict, max_length=100)
    expires_at: Annotated[AwareDatetime, BeforeValidator(moment_of)] | None = Field(
        None, description="From then on no answer is drawn from the documents; UTC where no zone is named."
    )
    expires_after: float | None = Field(
        None, gt=0, le=36_500, description="Days after the fetch when a document expires."
    )
    groups: tuple[Group, ...] | None = Field(
        None,
        max_length=100,
        description="Access groups that the documents get, [] for everybody; without it they stay as they are.",
    )
    records: Records | None = Field(
        None, description="Which fields of a record are text, title and so on: JSON, JSONL, CSV."
    )

    @model_validator(mode="after")
    def _expires_once(self) -> Self:
        if self.expires_at is not None and self.expires_after is not None:
            raise ValueError("expires_at and expires_after cannot both be given")
        return self

    def marks(self, own: Marks | None = None) -> Marks:
        """The marks of a document that is fetched now; what it says of itself (`own`) wins."""
        own = own or Marks()
        expires_at = own.expires_at or self.expires_at
        if expires_at is None and self.expires_after is not None:
            expires_at = datetime.now(UTC) + timedelta(days=self.expires_after)
        tags = tuple(dict.fromkeys((*self.tags, *own.tags)))
        return Marks(tags, {**self.metadata, **own.metadata}, expires_at)


class _Chosen(_Source):
    """A source of which some paths are taken."""

    include: tuple[Glob, ...] = Field((), max_length=100)
    exclude: tuple[Glob, ...] = Field((), max_length=100)

    @property
    def choice(self) -> Choice:
        """The patterns as one."""
        return Choice(self.include, self.exclude)


class FilesSource(_Chosen):
    """Files and folders of this machine. Patterns are compared with paths from each folder."""

    kind: Literal["files"] = "files"
    paths: tuple[Path, ...] = Field(min_length=1, max_length=10_000)


class UrlsSource(_Source):
    """Pages and files at public web addresses."""

    kind: Literal["urls"] = "urls"
    urls: tuple[Address, ...] = Field(min_length=1, max_length=100_000)


class SitemapSource(_Chosen):
    """The pages that a website lists. Patterns are compared with the path of a page's URL."""

    kind: Literal["sitemap"] = "sitemap"
    url: Address
    hosts: tuple[str, ...] = Field(
        (), max_length=100, description="Hosts beside the sitemap's own whose pages are taken."
    )
    most: int = Field(10_000, ge=1, le=1_000_000, description="Pages above which nothing is taken.")


class BucketSource(_Chosen):
    """Objects of a bucket, through fsspec. Patterns are compared with keys from the prefix.

    Credentials come from where the store's own tools take them: the environment, or the named profile.
    """

    kind: Literal["bucket"] = "bucket"
    url: Address
    endpoint: Address | None = Field(None, description="Of a store that is compatible with S3.")
    region: str | None = None
    profile: str | None = Field(None, description="Of the standard configuration of AWS.")
    anonymous: bool = False
    options: Arguments = Field(default_factory=dict, description="More arguments of the file system.")


class ReaderSource(_Source):
    """The documents that a LlamaIndex reader loads."""

    kind: Literal["reader"] = "reader"
    reader: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*[.:][A-Za-z_][A-Za-z0-9_]*$",
        max_length=300,
        description="Import path of the class, such as `llama_index.readers.wikipedia:WikipediaReader`.",
    )
    arguments: Arguments = Field(default_factory=dict, description="Of the constructor.")
    load: Arguments = Field(default_factory=dict, description="Of `load_data`.")
    environment: dict[str, Annotated[str, Field(pattern=_VARIABLE.pattern)]] = Field(
        default_factory=dict,
        description="Arguments of the constructor whose values are those of variables of the environment.",
    )


Source = Annotated[
    FilesSource | UrlsSource | SitemapSource | BucketSource | ReaderSource, Field(discriminator="kind")
]
