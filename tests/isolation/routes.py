"""What of the application can be asked: every route, its path parameters and its body, filled from known ids.

A route that is new is probed by itself, as long as its parameters are known by name here.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi import routing as fastapi_routing

from isolation.landlords import QUESTION, Tenant

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
GLOBAL = {
    "name": "rag",
    "version": "1",
    "tag": "latest",
    "model": "tandem:rag",
    "number": "1",
    "silence": "1",
    "intervention": "1",
}
"""Path parameters that name what serves every tenant: prompts, recipes, adapters, experiments, alerts and the like."""
OWNED = ("corpus", "document_id", "job_id", "receipt_id", "trace_id", "feedback_id", "id", "chunk_id")
"""Path parameters that name what is a tenant's own; `Tenant.ids` has some of each."""

Body = Callable[[Tenant, Tenant], list[dict[str, Any]]]
"""Of the asker and the one whose ids are used, the bodies to send."""


def _chat(asker: Tenant, owner: Tenant) -> list[dict[str, Any]]:
    ask = {"model": "tandem:rag", "messages": [{"role": "user", "content": QUESTION}], "temperature": 0}
    others = [owner.own("document_id"), owner.own("trace_id")]
    return [
        {**ask, "tandem": {"corpora": [owner.corpus]}},
        *({**ask, "tandem": {"without": [one]}} for one in others),
    ]


def _evidence(asker: Tenant, owner: Tenant) -> list[dict[str, Any]]:
    return [
        {"question": QUESTION, "documents": [owner.own("document_id")], "leave_out": leave_out}
        for leave_out in (True, False)
    ]


def _vote(owner: Tenant) -> dict[str, Any]:
    return {"feedback_token": owner.own("feedback_token"), "verdict": "down", "comment": "not mine"}


BODIES: dict[tuple[str, str], Body] = {
    ("POST", "/v1/chat/completions"): _chat,
    ("POST", "/api/retrieve"): lambda _, owner: [{"query": QUESTION, "tandem": {"corpora": [owner.corpus]}}],
    ("POST", "/api/corpora/{corpus}/evidence"): _evidence,
    ("PATCH", "/api/corpora/{corpus}/documents/{document_id}"): lambda *_: [
        {"groups": []},
        {"groups": ["x"]},
    ],
    ("POST", "/api/playground"): lambda _, owner: [
        {"variants": [{"recipe": "rag"}], "question": QUESTION, "tandem": {"corpora": [owner.corpus]}}
    ],
    ("POST", "/api/keys"): lambda _, owner: [{"name": "probe", "scopes": ["chat"], "tenant": owner.name}],
    ("POST", "/api/keys/{id}/rotate"): lambda *_: [{}],
    ("POST", "/v1/feedback"): lambda _, owner: [{**_vote(owner), "trace_id": owner.own("trace_id")}],
    ("POST", "/api/traces/{trace_id}/feedback"): lambda _, owner: [_vote(owner)],
    ("POST", "/api/feedback/{feedback_id}/review"): lambda *_: [{"state": "accepted"}],
}
"""Bodies that name what may be another tenant's."""

HEADERS: dict[tuple[str, str], Callable[[Tenant], dict[str, str]]] = {
    ("DELETE", "/api/traces/{trace_id}/feedback"): lambda owner: {
        "Feedback-Token": owner.own("feedback_token")
    },
}
"""Headers that do."""

SHARED = frozenset(
    {
        ("POST", "/api/prompts"),
        ("PUT", "/api/prompts/{name}/tags/{tag}"),
        ("POST", "/api/prompts/{name}/restore"),
        ("POST", "/api/recipes"),
        ("PUT", "/api/champion"),
        ("POST", "/api/champion/rollback"),
        ("PUT", "/api/adapters/{name}/tags/{tag}"),
        ("POST", "/api/playground/save"),
        ("POST", "/api/reindex"),
        ("POST", "/api/drift/reference"),
        ("POST", "/api/drift/calibration"),
        ("POST", "/api/drift/check"),
        ("POST", "/api/experiments"),
        ("POST", "/api/experiments/{name}/share"),
        ("POST", "/api/experiments/{name}/stop"),
        ("POST", "/api/experiments/{name}/promote"),
        ("PUT", "/api/alerts/rules/{name}"),
        ("POST", "/api/alerts/silences"),
    }
)
"""Bodies that name nothing of one tenant's, such as those for operators: an empty one is sent."""


@dataclass(frozen=True)
class Target:
    """A method of a route."""

    method: str
    path: str
    has_body: bool

    @property
    def parameters(self) -> list[str]:
        return _PARAMETER.findall(self.path)

    @property
    def owned(self) -> list[str]:
        return [name for name in self.parameters if name in OWNED]

    def filled(self, values: dict[str, str]) -> str:
        return _PARAMETER.sub(lambda match: values.get(match[1]) or GLOBAL[match[1]], self.path)


def targets(app: FastAPI) -> list[Target]:
    """Every method of every route. Fails where this file does not know how to probe one."""
    found = list(_targets(app.routes))
    for one in found:
        for name in one.parameters:
            if name not in OWNED and name not in GLOBAL:
                pytest.fail(
                    f"{one.method} {one.path}: is {name!r} an id of a tenant's own? Then add it to OWNED in "
                    "tests/isolation/routes.py and give Tenant.ids some in landlords.py; else to GLOBAL."
                )
        known = (one.method, one.path) in BODIES or (one.method, one.path) in SHARED
        if one.has_body and not known:
            pytest.fail(
                f"{one.method} {one.path} has a body: name in BODIES of tests/isolation/routes.py what in it may be "
                "another tenant's, or add it to SHARED if nothing is."
            )
    told = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    missed = told - {(one.method, one.path) for one in found}
    assert not missed, f"these routes are not walked over: {missed}"
    return found


def _targets(routes: Any) -> Iterator[Target]:
    for route in routes:
        nested = getattr(route, "effective_candidates", None)
        if nested is not None:
            yield from _targets(nested())
            continue
        dependant = getattr(route, "dependant", None)
        body = bool(dependant is not None and dependant.body_params)
        assert dependant is not None or not isinstance(route, fastapi_routing.APIRoute)
        for method in sorted(route.methods):
            yield Target(method, route.path, body)
