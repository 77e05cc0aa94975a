"""Tokens of a real issuer on this machine: the good ones are somebody, and no bad one is."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from local_issuer import AUDIENCE, LocalIssuer, issuing

from server.identity.issuer import Issuer
from server.identity.keyring import Keyring
from server.identity.loader import PrincipalLoader
from server.identity.tokens import Tokens
from tandem.errors import SettingsError, UnauthenticatedError, UnavailableError
from tandem.settings import IdentitySettings, read_settings
from tandem.vocabulary import Caller, KeyScope

OTHER = rsa.generate_private_key(65537, 2048)
WEAK = rsa.generate_private_key(65537, 1024)
OTHER_EC = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    with issuing() as issuer:
        yield issuer


def settings_for(issuer: LocalIssuer, **changes: Any) -> IdentitySettings:
    return IdentitySettings.model_validate({"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE} | changes)


def loader_for(settings: IdentitySettings) -> PrincipalLoader:
    tokens = Tokens(settings, Issuer(settings))
    # No key is looked up here: what has three parts and no prefix of a key is a token.
    return PrincipalLoader(Keyring(None), tokens, required=True, open_metrics=False)


async def caller(loader: PrincipalLoader, token: str) -> Caller:
    return await loader.load(f"Bearer {token}")


async def test_a_good_token_is_its_subject(issuer: LocalIssuer) -> None:
    loader = loader_for(settings_for(issuer))
    wanted = Caller("default", "user:ada", frozenset({KeyScope.CHAT}), ())
    assert await caller(loader, issuer.token()) == wanted
    assert await caller(loader, issuer.token(algorithm="ES256")) == wanted
    assert await caller(loader, issuer.token(aud=["other", AUDIENCE])) == wanted
    # The clocks of two machines differ a little.
    assert await caller(loader, issuer.token(exp=int(time.time()) - 5)) == wanted
    assert await caller(loader, issuer.token(nbf=int(time.time()) + 5, iat=int(time.time()) + 5)) == wanted
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_claims_are_mapped_to_tenant_scopes_and_groups(issuer: LocalIssuer) -> None:
    loader = loader_for(
        settings_for(
            issuer,
            oidc_tenant_claim="org.name",
            oidc_tenants={"ACME Ltd": "acme"},
            oidc_scope_claim="realm_access.roles",
            oidc_scopes={"writers": "ingest", "everybody": "chat"},
            oidc_groups={"staff": "staff", "board": "*"},
        )
    )
    said = {"org": {"name": "ACME Ltd"}, "realm_access": {"roles": ["everybody", "writers", "admin"]}}
    found = await caller(loader, issuer.token(**said, groups=["staff", "unknown"]))
    assert found == Caller("acme", "user:ada", frozenset({KeyScope.CHAT, KeyScope.INGEST}), ("staff",))
    assert (await caller(loader, issuer.token(**said, groups=["staff", "board"]))).groups is None
    for org in ({"name": "Other"}, {"name": ["ACME Ltd"]}, {}, "ACME Ltd"):
        with pytest.raises(UnauthenticatedError):
            await caller(loader, issuer.token(**said | {"org": org}))


async def test_what_nobody_mapped_allows_nothing(issuer: LocalIssuer) -> None:
    loader = loader_for(settings_for(issuer))
    found = await caller(
        loader, issuer.token(scope="admin operator chat tandem:root *", groups=["*", "staff"])
    )
    assert (found.scopes, found.groups) == (frozenset(), ("staff",))
    named = loader_for(settings_for(issuer, oidc_tenant_claim="org"))
    assert (await caller(named, issuer.token(org="acme"))).tenant == "acme"
    for org in ("../acme", "ACME", "", "a b", "*", None, 1, ["acme"]):
        with pytest.raises(UnauthenticatedError):
            await caller(named, issuer.token(org=org))


def _part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _by_hand(issuer: LocalIssuer, header: object, signature: bytes = b"", **changes: Any) -> str:
    return f"{_part(header)}.{_part(issuer.claims(**changes))}.{_part(signature)}"


def _hmac(issuer: LocalIssuer, secret: bytes, algorithm: str = "HS256", kid: object = "rsa") -> str:
    """Signed with what everybody knows, which a careless verifier takes for a shared secret."""
    head = f"{_part({'alg': algorithm, 'typ': 'JWT', 'kid': kid})}.{_part(issuer.claims())}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    return f"{head}.{_part(hmac.new(secret, head.encode(), digest).digest())}"


def _pem(issuer: LocalIssuer) -> bytes:
    return (
        issuer.private["rsa"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _der(issuer: LocalIssuer) -> bytes:
    return (
        issuer.private["rsa"]
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _altered(token: str, part: int, to: object) -> str:
    parts = token.split(".")
    parts[part] = _part(to)
    return ".".join(parts)


def now() -> int:
    """Not once at the import: a run takes minutes."""
    return int(time.time())


BAD: dict[str, Callable[[LocalIssuer], str]] = {
    # No signature, or one that proves nothing
    "alg none": lambda i: _by_hand(i, {"alg": "none", "kid": "rsa"}),
    "alg None": lambda i: _by_hand(i, {"alg": "None", "kid": "rsa"}),
    "alg NONE": lambda i: _by_hand(i, {"alg": "NONE", "kid": "rsa"}),
    "alg none with a signature": lambda i: _by_hand(i, {"alg": "none", "kid": "rsa"}, b"x" * 256),
    "no alg": lambda i: _by_hand(i, {"kid": "rsa"}),
    "alg null": lambda i: _by_hand(i, {"alg": None, "kid": "rsa"}),
    "alg a list": lambda i: _by_hand(i, {"alg": ["RS256"], "kid": "rsa"}),
    "alg a number": lambda i: _by_hand(i, {"alg": 256, "kid": "rsa"}),
    "alg unknown": lambda i: _by_hand(i, {"alg": "RS1", "kid": "rsa"}),
    "empty signature": lambda i: _by_hand(i, {"alg": "RS256", "kid": "rsa"}),
    "random signature": lambda i: _by_hand(i, {"alg": "RS256", "kid": "rsa"}, b"\x07" * 256),
    "signature cut off": lambda i: i.token()[:-20],
    "signature taken away": lambda i: i.token().rsplit(".", 1)[0] + ".",
    "EC of zeros": lambda i: _by_hand(i, {"alg": "ES256", "kid": "ec"}, bytes(64)),
    "EC of the curve's order": lambda i: _by_hand(i, {"alg": "ES256", "kid": "ec"}, b"\xff" * 64),
    # The public key as a shared secret
    "HS256 with the PEM": lambda i: _hmac(i, _pem(i)),
    "HS256 with the PEM's line": lambda i: _hmac(i, _pem(i).strip()),
    "HS256 with the DER": lambda i: _hmac(i, _der(i)),
    "HS384 with the PEM": lambda i: _hmac(i, _pem(i), "HS384"),
    "HS512 with the PEM": lambda i: _hmac(i, _pem(i), "HS512"),
    "HS256 with the modulus": lambda i: _hmac(i, i.keys[0]["n"].encode()),
    "HS256 with the key as JSON": lambda i: _hmac(i, json.dumps(i.keys[0]).encode()),
    "HS256 with nothing": lambda i: _hmac(i, b""),
    "HS256 with the kid": lambda i: _hmac(i, b"rsa"),
    # Other keys
    "a stranger's RSA key": lambda i: i.token(OTHER),
    "a stranger's EC key": lambda i: i.token(OTHER_EC, "ES256"),
    "a stranger's key of its own name": lambda i: i.token(OTHER, header={"kid": "stranger"}),
    "the other key's kid": lambda i: i.token(header={"kid": "ec"}),
    "the EC key under the RSA one's kid": lambda i: i.token(algorithm="ES256", header={"kid": "rsa"}),
    "an algorithm that is not allowed": lambda i: i.token(algorithm="PS256"),
    "a longer hash than the key's": lambda i: i.token(algorithm="RS512"),
    "EdDSA, which is not allowed": lambda i: i.token(
        ed25519.Ed25519PrivateKey.generate(), "EdDSA", header={"kid": "rsa"}
    ),
    "its own key in the header": lambda i: i.token(
        OTHER, header={"jwk": LocalIssuer.published("rsa", OTHER, "RS256")}
    ),
    "keys at an address of its own": lambda i: i.token(OTHER, header={"jku": f"{i.url}/other"}),
    "a certificate of its own": lambda i: i.token(OTHER, header={"x5c": ["MIIB"], "x5u": f"{i.url}/x"}),
    # Names of keys
    "no kid": lambda i: i.token(header={"kid": None}),
    "kid of a path": lambda i: i.token(OTHER, header={"kid": "../../../../dev/null"}),
    "kid of SQL": lambda i: i.token(OTHER, header={"kid": "x' UNION SELECT 'key"}),
    "kid of an address": lambda i: i.token(OTHER, header={"kid": f"{i.url}/keys"}),
    "kid with NUL": lambda i: i.token(OTHER, header={"kid": "rsa\x00"}),
    "kid in capitals": lambda i: i.token(header={"kid": "RSA"}),
    "kid with a blank": lambda i: i.token(header={"kid": "rsa "}),
    "empty kid": lambda i: i.token(header={"kid": ""}),
    "kid a number": lambda i: _by_hand(i, {"alg": "RS256", "kid": 1}),
    "kid a list": lambda i: _by_hand(i, {"alg": "RS256", "kid": ["rsa"]}),
    "kid an object": lambda i: _by_hand(i, {"alg": "RS256", "kid": {"rsa": 1}}),
    "kid too long": lambda i: i.token(OTHER, header={"kid": "r" * 5_000}),
    # For somebody else
    "another audience": lambda i: i.token(aud="other"),
    "other audiences": lambda i: i.token(aud=["other", "tandem2"]),
    "no audience": lambda i: i.token(aud=None),
    "an empty audience": lambda i: i.token(aud=""),
    "no audience in a list": lambda i: i.token(aud=[]),
    "an audience in capitals": lambda i: i.token(aud="Tandem"),
    "an audience that begins so": lambda i: i.token(aud="tandem-admin"),
    "an audience that is an object": lambda i: _signed(i, aud={"tandem": 1}),
    "another issuer": lambda i: i.token(iss="https://issuer.example"),
    "the issuer with a slash": lambda i: i.token(iss=f"{i.url}/"),
    "an issuer that begins so": lambda i: i.token(iss=f"{i.url}.example"),
    "a list of issuers": lambda i: _signed(i, iss=[i.url]),
    "no issuer": lambda i: i.token(iss=None),
    # Not now
    "expired": lambda i: i.token(exp=now() - 120),
    "expired long ago": lambda i: i.token(exp=1),
    "expires never": lambda i: i.token(exp=None),
    "expires in words": lambda i: _signed(i, exp="tomorrow"),
    "expires at no number": lambda i: _signed(i, exp=[now() + 60]),
    "expires at infinity": lambda i: _signed(i, exp=float("inf")),
    "not yet valid": lambda i: i.token(nbf=now() + 600),
    "made in the future": lambda i: i.token(iat=now() + 600),
    # Nobody
    "no subject": lambda i: i.token(sub=None),
    "an empty subject": lambda i: i.token(sub=""),
    "a subject too long": lambda i: i.token(sub="a" * 1_000),
    "a subject that is a number": lambda i: _signed(i, sub=7),
    "a subject that is a list": lambda i: _signed(i, sub=["ada"]),
    # Of another kind, or altered
    "critical extensions": lambda i: i.token(header={"crit": ["exp2"], "exp2": 1}),
    "a logout token": lambda i: i.token(header={"typ": "logout+jwt"}),
    "a type that is a list": lambda i: i.token(header={"typ": ["JWT"]}),
    "claims altered": lambda i: _altered(i.token(), 1, i.claims(sub="eve")),
    "header altered": lambda i: _altered(i.token(), 0, {"alg": "RS256", "kid": "rsa", "typ": "JWT", "x": 1}),
    "claims that are a list": lambda i: _altered(i.token(), 1, [1]),
    "claims that are text": lambda i: _altered(i.token(), 1, "ada"),
    "claims that are no JSON": lambda i: _altered(i.token(), 1, b"{"),
    "header that is no JSON": lambda i: _altered(i.token(), 0, b"\xff\xfe"),
    "header that is a list": lambda i: _altered(i.token(), 0, []),
    "header nested deep": lambda i: _altered(i.token(), 0, b"[" * 5_000),
    "claims nested deep": lambda i: _altered(i.token(), 1, b'{"a":' * 5_000),
    # No tokens at all
    "dots": lambda i: "..",
    "words": lambda i: "not.a.token",
    "one part": lambda i: "eyJhbGciOiJub25lIn0",
    "five parts": lambda i: i.token() + ".a.b",
    "two tokens": lambda i: f"{i.token()} {i.token()}",
    "a comma": lambda i: f"{i.token()},{i.token()}",
    "with quotes": lambda i: f'"{i.token()}"',
    "too long": lambda i: i.token(scope="x" * 20_000),
    "empty": lambda i: "",
    "a key that there is not": lambda i: "tdm_short",
    "a local key of another server": lambda i: "tdl_" + "a" * 52,
}


def _signed(issuer: LocalIssuer, **changes: Any) -> str:
    """With claims that PyJWT would not write."""
    head = f"{_part({'alg': 'RS256', 'kid': 'rsa', 'typ': 'JWT'})}.{_part(issuer.claims(**changes))}"
    algorithm = jwt.get_algorithm_by_name("RS256")
    return f"{head}.{_part(algorithm.sign(head.encode(), issuer.private['rsa']))}"


async def test_none_of_many_bad_tokens_is_accepted(issuer: LocalIssuer) -> None:
    loader = loader_for(settings_for(issuer, oidc_leeway_s=30))
    assert (await caller(loader, _signed(issuer))).subject == "user:ada"
    assert len(BAD) >= 60
    accepted = []
    for name, made in BAD.items():
        try:
            accepted.append((name, await caller(loader, made(issuer))))
        except UnauthenticatedError as error:
            assert "eyJ" not in str(error.body()), name
    assert accepted == []


async def test_keys_that_cannot_be_trusted_are_no_keys(issuer: LocalIssuer) -> None:
    shared = {"kty": "oct", "kid": "oct", "k": _part(b"secret" * 8), "alg": "HS256"}
    issuer.keys += [
        LocalIssuer.published("weak", WEAK, "RS256"),
        LocalIssuer.published("for-encryption", OTHER, "RS256") | {"use": "enc"},
        LocalIssuer.published("half", OTHER, "RS256") | {"n": "x"},
        shared,
        {"kid": "none"},
        {"kty": ["RSA"], "kid": "list"},
        {"kty": "RSA", "kid": 7},
    ]
    loader = loader_for(settings_for(issuer))
    for token in (
        issuer.token(WEAK, header={"kid": "weak"}),
        issuer.token(OTHER, header={"kid": "for-encryption"}),
        issuer.token(OTHER, header={"kid": "half"}),
        _hmac(issuer, b"secret" * 8, kid="oct"),
    ):
        with pytest.raises(UnauthenticatedError):
            await caller(loader, token)
    assert await caller(loader, issuer.token())


async def test_strangers_cannot_make_tandem_ask_the_issuer_again_and_again(issuer: LocalIssuer) -> None:
    loader = loader_for(settings_for(issuer))
    for n in range(50):
        with pytest.raises(UnauthenticatedError):
            await caller(loader, issuer.token(OTHER, header={"kid": f"k{n}"}))
    assert await caller(loader, issuer.token())
    assert issuer.asked.count("/keys") == 1


async def test_a_new_key_of_the_issuer_is_found_and_one_that_is_withdrawn_holds_no_longer(
    issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.identity.issuer._AGAIN_S", 0.0)
    loader = loader_for(settings_for(issuer, oidc_keys_for_s=1))
    assert await caller(loader, issuer.token())
    issuer.keys = [LocalIssuer.published("new", OTHER, "RS256")]
    assert await caller(loader, issuer.token(OTHER, header={"kid": "new"}))
    with pytest.raises(UnauthenticatedError):
        await caller(loader, issuer.token())


async def test_an_issuer_that_is_away_is_no_open_door(
    issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.down = True
    loader = loader_for(settings_for(issuer))
    with pytest.raises(UnavailableError):
        await caller(loader, issuer.token())
    monkeypatch.setattr("server.identity.issuer._AGAIN_S", 0.0)
    issuer.down = False
    assert await caller(loader, issuer.token())
    issuer.down = True
    assert await caller(loader, issuer.token())  # for a while the keys that are known serve


async def test_a_discovery_document_of_another_issuer_is_not_believed(issuer: LocalIssuer) -> None:
    issuer.called = "https://elsewhere.example"
    with pytest.raises(UnavailableError):
        await caller(loader_for(settings_for(issuer)), issuer.token())
    assert "/keys" not in issuer.asked
    direct = settings_for(issuer, oidc_jwks_url=f"{issuer.url}/keys")
    assert await caller(loader_for(direct), issuer.token())


@pytest.mark.parametrize(
    "settings",
    [
        {"oidc_issuer": "https://issuer.example"},
        {"oidc_issuer": "http://issuer.example", "oidc_audience": "tandem"},
        {"oidc_issuer": "file:///etc/passwd", "oidc_audience": "tandem"},
        {"oidc_issuer": "https://i.example", "oidc_audience": "t", "oidc_algorithms": ["HS256"]},
        {"oidc_issuer": "https://i.example", "oidc_audience": "t", "oidc_algorithms": ["none"]},
        {"oidc_issuer": "https://i.example", "oidc_audience": "t", "oidc_algorithms": []},
        {"oidc_issuer": "https://i.example", "oidc_audience": "t", "oidc_jwks_url": "http://i.example/keys"},
    ],
)
def test_settings_that_would_let_strangers_in_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(identity=settings)
    assert (refused.value.param or "").startswith("identity")
