"""Who may ask."""

import ipaddress
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from tandem.settings.group import Group
from tandem.vocabulary import KeyScope

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a private key. With a shared secret, whoever can check a token could make one."""


class IdentitySettings(Group):
    """Keys, and tokens of an OpenID Connect issuer."""

    required: bool = Field(
        True,
        description="Refuse requests without a key or a token; the page's files, /docs and the health checks alone "
        "need none. Without it everybody is the owner, so the server then listens on loopback only.",
    )
    open_metrics: bool = Field(False, description="Let /metrics be read without a key.")
    oidc_issuer: str | None = Field(
        None, description="Issuer of bearer tokens, as its tokens name it; without it only keys are taken."
    )
    oidc_audience: str | None = Field(
        None, description="Audience that a token must be for, such as the client id of Tandem."
    )
    oidc_jwks_url: str | None = Field(
        None, description="Where the issuer's keys are; by default as its discovery document says."
    )
    oidc_algorithms: tuple[Algorithm, ...] = Field(
        ("RS256", "ES256"), min_length=1, description="Signatures that are taken."
    )
    oidc_tenant_claim: str | None = Field(
        None,
        description="Claim that names the tenant, a path with dots if need be; without it, the default tenant.",
    )
    oidc_tenants: dict[str, str] = Field(
        default_factory=dict,
        description="Tenants by the claim's values, others being refused; without it, the value is the tenant.",
    )
    oidc_scope_claim: str = Field("scope", description="Claim of what the token allows.")
    oidc_scopes: dict[str, KeyScope] = Field(
        default_factory=dict,
        description="Scopes by the claim's values; without it, `tandem:chat`, `tandem:ingest` and so on.",
    )
    oidc_groups_claim: str = Field("groups", description="Claim of the access groups.")
    oidc_groups: dict[str, str] = Field(
        default_factory=dict,
        description="Access groups by the claim's values, `*` for every document; without it, the values themselves.",
    )
    oidc_leeway_s: float = Field(30.0, ge=0, le=300, description="Seconds by which clocks may differ.")
    oidc_keys_for_s: float = Field(
        300.0, ge=1, le=86_400, description="Seconds after which the issuer is asked for its keys again."
    )
    oidc_proxies: bool = Field(
        False, description="Reach the issuer by the proxies that the environment names."
    )

    @field_validator("oidc_issuer", "oidc_jwks_url")
    @classmethod
    def _cannot_be_listened_to(cls, url: str | None) -> str | None:
        if url is not None and not is_safe_url(url):
            raise ValueError(f"{url!r} is no https address (http is for this machine alone)")
        return url

    @model_validator(mode="after")
    def _tokens_are_for_somebody(self) -> Self:
        if self.oidc_issuer is not None and not self.oidc_audience:
            raise ValueError(
                "oidc_issuer needs oidc_audience, or tokens that it gave to other services would hold here"
            )
        return self


def is_safe_url(url: str) -> bool:
    """Whether nobody on the way can change what is read there: by https, or from this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
