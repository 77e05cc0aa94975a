"""Makes up requests to the whole API from its own description, as schemathesis does, with a key and without.

    python -m bench.fuzz [--cases 10000] [--seed 0]

Each case is sent twice to a real server on a socket: with a key that may do everything, and without one. Counted are
server errors, what a stranger got that was no refusal, and responses that are not as the description says.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import requests
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisException
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bench.machine import machine
from bench.overhead import free_port
from server.api.guard import is_open
from server.app import create_app
from tandem.settings import AnswerSettings, EngineSettings, Settings

_RESULT = Path(__file__).parent / "results" / "fuzz.json"
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_MADE_UP = (
    None,
    "Bearer",
    "Bearer none",
    "Basic YTpi",
    f"Bearer tdm_{'a' * 16}_{'b' * 52}",
    f"Bearer tdl_{'a' * 52}",
    "Bearer " + ".".join(("eyJhbGciOiJub25lIn0", "e30", "")),  # a token that says that it needs no signature
)
"""Credentials of a stranger."""
_MOST_EXAMPLES = 20
_TIMEOUT_S = 60


@dataclass
class Counts:
    """What came of the cases."""

    cases: int = 0
    server_errors: int = 0
    unauthenticated_successes: int = 0
    """Requests without a key that were answered with anything below 400, but for what is open on purpose."""
    schema_breaks: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    statuses_without_key: dict[str, int] = field(default_factory=dict)
    operations: int = 0
    examples: list[str] = field(default_factory=list)
    """Of what went wrong, some."""

    def note(self, what: str) -> None:
        """Keep an example, if there is room."""
        if len(self.examples) < _MOST_EXAMPLES:
            self.examples.append(what[:1_500])


def fuzz(app: FastAPI, url: str, key: str, cases: int, first_seed: int = 0) -> Counts:
    """Send at least `cases` cases, spread over all operations, half of them against the description."""
    schema = schemathesis.openapi.from_dict(_without_security(app.openapi()))
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    counts = Counts(operations=len(operations))
    known = _something_to_find(url, key)
    turn = first_seed
    with requests.Session() as session:
        session.trust_env = False

        def send(case: Any) -> None:
            # Every other case names what there is, or it would get no further than "not found".
            if counts.cases % 2 and case.path_parameters:
                case.path_parameters |= {name: known[name] for name in case.path_parameters if name in known}
            _send(case, url, key, session, counts)

        while counts.cases < cases:
            each = max(1, round((cases - counts.cases) / len(operations) / 2))
            for operation in operations:
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                    _try(operation, mode, min(each, 200), turn, send)
            turn += 1
    return counts


def _something_to_find(url: str, key: str) -> dict[str, str]:
    """Puts a document and a job into a corpus; what stands in paths for them, and for what comes with Tandem."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=_TIMEOUT_S) as http:
        file = ("gate.md", b"# Rules\n\nThe gate closes at seven.\n")
        put = http.post("/api/corpora/fuzz/documents", files={"file": file}).raise_for_status().json()
        job = http.post("/api/corpora/fuzz/ingestions", files={"files": file}).raise_for_status().json()
        made = http.post("/api/keys", json={"name": "fuzz", "scopes": ["chat"]}).raise_for_status().json()
    return {
        "corpus": "fuzz",
        "document_id": put["document_id"],
        "job_id": job["id"],
        "id": made["id"],
        "name": "rag",
        "version": "1",
        "model": "tandem:rag",
        "tag": "production",
    }


def _without_security(schema: dict[str, Any]) -> dict[str, Any]:
    """The description without what it says of keys, of which schemathesis would make some up in place of ours."""
    paths = {
        path: {
            method: {name: value for name, value in said.items() if name != "security"}
            for method, said in operations.items()
        }
        for path, operations in schema["paths"].items()
    }
    components = {name: value for name, value in schema["components"].items() if name != "securitySchemes"}
    return schema | {"paths": paths, "components": components}


def _try(operation: Any, mode: GenerationMode, examples: int, turn: int, send: Any) -> None:
    @seed(turn)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        send(case)

    try:
        one()
    except HypothesisException:
        # An operation without parameters has nothing that could be against its description.
        return


def _send(case: Any, url: str, key: str, session: requests.Session, counts: Counts) -> None:
    counts.cases += 1
    made_up = _MADE_UP[counts.cases % len(_MADE_UP)]
    stranger = case.call(
        base_url=url,
        session=session,
        timeout=_TIMEOUT_S,
        headers={"Authorization": made_up} if made_up else {},
    )
    _add(counts.statuses_without_key, stranger.status_code)
    if stranger.status_code < 400 and not is_open(case.path):
        counts.unauthenticated_successes += 1
        counts.note(f"without a key: {stranger.status_code} {case.as_curl_command()}")
    bearer = {"Authorization": f"Bearer {key}"}
    allowed = case.call(base_url=url, session=session, headers=bearer, timeout=_TIMEOUT_S)
    _add(counts.statuses, allowed.status_code)
    if allowed.status_code >= 500 or stranger.status_code >= 500:
        counts.server_errors += 1
        counts.note(f"{allowed.status_code} {case.as_curl_command()} {allowed.text}")
        return
    try:
        case.validate_response(allowed, checks=_CHECKS)
    except (FailureGroup, AssertionError) as error:
        counts.schema_breaks += 1
        said = "; ".join(str(one) for one in getattr(error, "exceptions", [error]))
        counts.note(f"{case.method} {case.path}: {said} {case.as_curl_command()}")


def _add(statuses: dict[str, int], status: int) -> None:
    statuses[str(status)] = statuses.get(str(status), 0) + 1


@contextmanager
def served_with_keys(engine: str, folder: Path) -> Iterator[tuple[FastAPI, str, str]]:
    """The application as it is by default behind a real socket; its address, and a key that may do everything."""
    app = create_app(
        Settings(
            data_dir=folder,
            engine=EngineSettings(address=engine, retries=0),
            answer=AnswerSettings(evidence=0),
        )
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise SystemExit("the server did not start")
            time.sleep(0.05)
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        while httpx.get(f"{url}/readyz", trust_env=False, timeout=60).status_code != httpx.codes.OK:
            time.sleep(0.1)
        yield app, url, app.state.services.principals.local_key
    finally:
        server.should_exit = True
        thread.join(60)


def main() -> None:
    """Send the cases and write what came of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    port = free_port()
    fake = [sys.executable, "-m", "bench.fake_engine", str(port)]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(fake) as process:
        try:
            with served_with_keys(f"http://127.0.0.1:{port}", Path(folder)) as (app, url, key):
                counts = fuzz(app, url, key, arguments.cases, arguments.seed)
        finally:
            process.terminate()
            process.wait(30)
    report = {"command": "python -m bench.fuzz", "machine": machine()} | asdict(counts)
    report["seconds"] = round(time.monotonic() - begun)
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
