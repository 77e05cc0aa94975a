"""The workshop, with everything real: a prompt is written, tried beside another, saved, and serves."""

import json
import time
from typing import Any

import httpx
import openai
import pytest

QUESTION = "How often must the sluice of Weir Nine be greased?"
TEXT = """{% call message("system") %}
Answer from the text in one full sentence.
{% endcall %}
{% call message("user") %}
{% for passage in passages %}
{{ passage.text }}

{% endfor %}
{% if fence is defined %}
[end of text {{ fence }}]
{% endif %}
{{ question }}
{% endcall %}
"""


@pytest.fixture(scope="module")
def corpus(tandem, tmp_path_factory) -> str:
    file = tmp_path_factory.mktemp("weirs") / "weir.md"
    file.write_text("# Weir Nine\n\nThe sluice of Weir Nine must be greased every second Friday.\n")
    done = tandem.command("ingest", str(file), "--corpus", "weirs")
    assert done.returncode == 0, done.stderr
    return "weirs"


@pytest.fixture
def http(tandem):
    with tandem.client() as client:
        yield client


def played(http: httpx.Client, body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    events, name = [], ""
    with http.stream("POST", "/api/playground", json=body, timeout=120) as stream:
        assert stream.status_code == 200, stream.read()
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
    return events


def test_a_prompt_is_tried_beside_another_and_the_winner_serves_until_it_is_rolled_back(
    tandem, http, corpus
) -> None:
    variants = [{"recipe": "rag"}, {"recipe": "rag", "text": TEXT, "changes": {"max_tokens": 40}}]
    events = played(http, {"question": QUESTION, "variants": variants, "tandem": {"corpora": [corpus]}})
    assert (events[0][0], events[-1][0]) == ("start", "end")
    done = {value["variant"]: value for name, value in events if name == "done"}
    assert set(done) == {0, 1}
    for n, value in done.items():
        told = [event["text"] for name, event in events if name == "delta" and event["variant"] == n]
        assert "".join(told) == value["answer"]
        assert value["tokens_in"] > 0
    assert "second Friday" in done[0]["answer"]
    assert done[0]["citations"]

    saved = http.post("/api/playground/save", json={"name": "weirs", "variant": variants[1]})
    assert saved.status_code == 201, saved.text
    client = openai.OpenAI(base_url=f"{tandem.url}/v1", api_key="unused", max_retries=0)

    def champion() -> Any:
        return client.chat.completions.create(
            model="tandem",
            messages=[{"role": "user", "content": QUESTION}],
            extra_body={"tandem": {"corpora": [corpus]}},
        ).tandem

    assert champion()["recipe"] == "rag"
    # By the command line, so by another process on the same store.
    changed = tandem.command("recipes", "champion", "weirs", "--reason", "It won")
    assert changed.returncode == 0, changed.stderr
    try:
        served, deadline = champion(), time.monotonic() + 20
        while served["recipe"] != "weirs" and time.monotonic() < deadline:
            served = champion()
        assert (served["recipe"], served["recipe_version"]) == ("weirs", saved.json()["version"])
    finally:
        back = http.post("/api/champion/rollback", json={"reason": "The test is over"})
    assert back.status_code == 200, back.text
    assert champion()["recipe"] == "rag"


def test_the_command_line_plays(tandem, corpus) -> None:
    done = tandem.command("playground", QUESTION, "--recipes", "rag,base", "--corpus", corpus, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert sum(event["event"] == "done" for event in told) == 2
