"""The whole of the settings, read once from `tandem.toml` and `TANDEM_...`, and passed down from there.

A group is a section of the file and a prefix of the environment: `[engine] port = 8001` is
`TANDEM_ENGINE__PORT=8001`. The environment wins over the file, the file over the defaults.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from tandem.errors import SettingsError
from tandem.settings.alerts import AlertSettings
from tandem.settings.answer import AnswerSettings
from tandem.settings.cache import CacheSettings
from tandem.settings.drift import DriftSettings
from tandem.settings.embedding import EmbeddingSettings
from tandem.settings.engine import EngineSettings
from tandem.settings.experiments import ExperimentSettings
from tandem.settings.group import Group
from tandem.settings.identity import IdentitySettings, is_loopback
from tandem.settings.index import IndexSettings
from tandem.settings.ingest import IngestSettings, RaySettings
from tandem.settings.judge import JudgeSettings
from tandem.settings.limits import LimitSettings
from tandem.settings.retrieval import RetrievalSettings
from tandem.settings.server import ServerSettings
from tandem.settings.store import StoreSettings
from tandem.settings.traces import TraceSettings

_PREFIX = "TANDEM_"
_FILE_VARIABLE = "TANDEM_CONFIG"
KEY_VARIABLE = "TANDEM_KEY"
"""No setting: the key with which the command line asks a server."""


class Settings(BaseSettings):
    """Every setting, with its default. Frozen once read."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, toml_file="tandem.toml"
    )

    data_dir: Path = Field(Path("data"), description="Folder of models, index, store and logs.")
    run_dir: Path | None = Field(
        None,
        description="Folder in which a server leaves its address and its owner's key for commands on the same "
        "machine; by default the data folder. Servers that share a data folder need one each, not shared.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged."
    )
    server: ServerSettings = Field(default_factory=ServerSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    embedding: EmbeddingSettings = Field(default_factory=EmbeddingSettings)
    index: IndexSettings = Field(default_factory=IndexSettings)
    retrieval: RetrievalSettings = Field(default_factory=RetrievalSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    ray: RaySettings = Field(default_factory=RaySettings)
    answer: AnswerSettings = Field(default_factory=AnswerSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    judge: JudgeSettings = Field(default_factory=JudgeSettings)
    identity: IdentitySettings = Field(default_factory=IdentitySettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    traces: TraceSettings = Field(default_factory=TraceSettings)
    experiments: ExperimentSettings = Field(default_factory=ExperimentSettings)
    drift: DriftSettings = Field(default_factory=DriftSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)

    @property
    def notes_dir(self) -> Path:
        """Where a server and the commands of its machine find each other."""
        return self.run_dir or self.data_dir

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @model_validator(mode="after")
    def _remote_is_meant(self) -> Self:
        if not self.server.allow_remote and not is_loopback(self.server.host):
            raise ValueError(
                f"server.host is {self.server.host!r}, which other machines can reach; "
                "set server.allow_remote to true if that is meant"
            )
        return self

    @model_validator(mode="after")
    def _strangers_need_keys(self) -> Self:
        if not self.identity.required and (self.server.allow_remote or not is_loopback(self.server.host)):
            raise ValueError(
                "identity.required is false, so everybody would be the owner, and the server is open to other "
                "machines; set identity.required to true, or server.allow_remote to false"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file."""
        file = Path(os.environ.get(_FILE_VARIABLE, "tandem.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)


def read_settings(**overrides: Any) -> Settings:
    """Read file and environment; `overrides` (top-level names) win over both.

    Raises `SettingsError`, naming the key, for an unknown key, a wrong value or an unreadable file.
    """
    _refuse_missing_file(os.environ)
    _refuse_unknown_variables(os.environ)
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        reason = (
            "is not a setting"
            if first["type"] == "extra_forbidden"
            else first["msg"].removeprefix("Value error, ")
        )
        raise SettingsError(
            f"{key}: {reason}" if key else reason,
            param=key or None,
            hint="docs/settings.md lists every setting with its default.",
        ) from error
    except SourceError as error:  # a variable that must hold JSON and does not; the message names it
        raise SettingsError(f"environment: {error}", param=_quoted(str(error))) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"tandem.toml is not valid TOML: {error}", param="tandem.toml") from error


def _quoted(message: str) -> str | None:
    """The first name in double quotes: pydantic-settings puts the setting there, and nowhere else."""
    return message.split('"')[1] if message.count('"') > 1 else None


def _refuse_missing_file(environment: Mapping[str, str]) -> None:
    named = environment.get(_FILE_VARIABLE)
    if named and not Path(named).is_file():
        raise SettingsError(f"{_FILE_VARIABLE} names {named}, which is not a file", param=_FILE_VARIABLE)


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    """pydantic-settings passes over variables that it does not know; a typing error must not go unseen."""
    known = {_FILE_VARIABLE, KEY_VARIABLE}
    prefixes = []
    for name, field in Settings.model_fields.items():
        variable = _PREFIX + name.upper()
        known.add(variable)
        group = field.annotation
        if isinstance(group, type) and issubclass(group, Group):
            known.update(f"{variable}__{key.upper()}" for key in group.model_fields)
            # A mapping takes its keys from the names of variables.
            prefixes += [
                f"{variable}__{key.upper()}__"
                for key, value in group.model_fields.items()
                if str(value.annotation).startswith("dict")
            ]
    for variable in environment:
        upper = variable.upper()
        if upper.startswith(_PREFIX) and upper not in known and not upper.startswith(tuple(prefixes)):
            raise SettingsError(
                f"{variable} is not a setting",
                param=variable,
                hint="docs/settings.md lists every setting with its default.",
            )
