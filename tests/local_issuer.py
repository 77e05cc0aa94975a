"""An issuer of tokens on this machine: an HTTP server with a discovery document, key sets, and keys to sign with."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "tandem"


class LocalIssuer(ThreadingHTTPServer):
    """`keys` are published; whoever has one of `private` signs as it likes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.called = self.url
        self.asked: list[str] = []
        self.down = False
        self.private: dict[str, Any] = {
            "rsa": rsa.generate_private_key(65537, 2048),
            "ec": ec.generate_private_key(ec.SECP256R1()),
        }
        self.keys: list[dict[str, Any]] = [
            self.published("rsa", self.private["rsa"], "RS256"),
            self.published("ec", self.private["ec"], "ES256"),
        ]

    @staticmethod
    def published(kid: str, private: Any, algorithm: str) -> dict[str, Any]:
        kind = RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else ECAlgorithm
        public = kind.to_jwk(private.public_key(), as_dict=True)
        return public | {"kid": kid, "alg": algorithm, "use": "sig"}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a good token; `None` takes a claim away."""
        now = int(time.time())
        good = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": now,
            "nbf": now,
            "exp": now + 60,
            "scope": "openid tandem:chat",
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(
        self, key: Any = None, algorithm: str = "RS256", header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        """A token as the issuer signs it, but for what is changed."""
        said = {"kid": "ec" if algorithm.startswith("ES") else "rsa"} | (header or {})
        said = {name: value for name, value in said.items() if value is not None}
        signing = key if key is not None else self.private["ec" if algorithm.startswith("ES") else "rsa"]
        return jwt.encode(self.claims(**changes), signing, algorithm, said)


class _Handler(BaseHTTPRequestHandler):
    server: LocalIssuer

    def do_GET(self) -> None:
        issuer = self.server
        issuer.asked.append(self.path)
        if issuer.down:
            self.send_error(503)
        elif self.path == "/.well-known/openid-configuration":
            self._say({"issuer": issuer.called, "jwks_uri": f"{issuer.url}/keys"})
        elif self.path == "/keys":
            self._say({"keys": issuer.keys})
        else:
            self.send_error(404)

    def _say(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@contextmanager
def issuing() -> Iterator[LocalIssuer]:
    with LocalIssuer() as issuer:
        threading.Thread(target=issuer.serve_forever, args=(0.01,), daemon=True).start()
        yield issuer
        issuer.shutdown()
