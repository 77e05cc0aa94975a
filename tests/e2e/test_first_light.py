"""The whole way, with everything real: documents go in, questions come, cited answers go out."""

from pathlib import Path

import openai
import pytest
from pdfs import pdf_bytes

PAGES = [
    "Zorbium handbook. This handbook describes the care of the Zorbium pump.",
    "The filter of the Zorbium pump must be cleaned every Monday. Use lukewarm water for it.",
    "The Zorbium pump was built in Graz by the engineer Mathilde Horn in 1961.",
]
QUESTION = "How often must the filter of the Zorbium pump be cleaned?"


@pytest.fixture(scope="module")
def corpus(tandem, tmp_path_factory) -> str:
    """A corpus with one PDF, ingested by the command line through the running server."""
    file = tmp_path_factory.mktemp("pdf") / "zorbium.pdf"
    file.write_bytes(pdf_bytes(PAGES))
    done = tandem.command("ingest", str(file), "--corpus", "handbooks")
    assert done.returncode == 0, done.stderr
    assert "created" in done.stdout
    return "handbooks"


def test_the_start_ends_with_a_cited_answer(tandem) -> None:
    shown = tandem.log.read_text()
    assert "What does Tandem say when the documents do not say it?" in shown
    assert "[1]" in shown
    assert "recipe rag" in shown


def ask(client: openai.OpenAI, corpus: str, question: str = QUESTION, **more: object):
    return client.chat.completions.create(
        model="tandem",
        messages=[{"role": "user", "content": question}],
        extra_body={"tandem": {"corpora": [corpus]}},
        **more,
    )


@pytest.fixture(scope="module")
def client(tandem) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{tandem.url}/v1", api_key="unused", max_retries=0)


def test_an_answer_cites_the_page_of_the_pdf(tandem, client, corpus) -> None:
    reply = ask(client, corpus)
    assert "every Monday" in reply.choices[0].message.content
    citation = reply.tandem["citations"][0]
    assert (citation["page"], citation["corpus"]) == (2, "handbooks")
    with tandem.client() as http:
        document = http.get(f"/api/corpora/{corpus}/documents/{citation['document_id']}").json()
    assert document["text"][citation["start"] : citation["end"]] == citation["quote"]
    assert "every Monday" in citation["quote"]
    assert {"embed", "retrieve", "assemble", "first_token", "generate", "total"} <= set(
        reply.tandem["timings"]
    )
    assert reply.usage.completion_tokens > 0


def test_a_stream_says_the_same_as_the_whole_answer(client, corpus) -> None:
    chunks = list(ask(client, corpus, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    whole = ask(client, corpus)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert chunks[-1].tandem["citations"] == whole.tandem["citations"]


async def test_the_async_client_works_streamed_and_not(tandem, corpus) -> None:
    async with openai.AsyncOpenAI(base_url=f"{tandem.url}/v1", api_key="unused") as client:
        reply = await ask(client, corpus)
        stream = await ask(client, corpus, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert reply.choices[0].message.content == text


def test_a_question_beyond_the_documents_is_not_answered(client, corpus) -> None:
    reply = ask(client, corpus, "Who won the football world championship of women in Brazil?")
    assert reply.choices[0].message.content == "I don't know."
    assert reply.choices[0].finish_reason == "stop"
    assert reply.tandem["abstained"] is True
    assert reply.tandem["citations"] == []


def test_recipes_are_models(client) -> None:
    assert [model.id for model in client.models.list()][:3] == ["tandem", "tandem:base", "tandem:prompted"]
    reply = client.chat.completions.create(
        model="tandem:base", messages=[{"role": "user", "content": "Say hello."}]
    )
    assert reply.choices[0].message.content
    assert reply.tandem["recipe"] == "base"


def test_an_error_is_one_that_the_client_knows(client, corpus) -> None:
    with pytest.raises(openai.NotFoundError, match="nosuch"):
        ask(client, "nosuch")
    with pytest.raises(openai.BadRequestError, match="tools"):
        ask(client, corpus, tools=[{"type": "function", "function": {"name": "f"}}])


def test_reingesting_replaces_and_deleting_removes(tandem, client, tmp_path: Path) -> None:
    file = tmp_path / "rule.md"
    file.write_text("# Rule\n\nThe gate of the Quorvex depot closes at nine in the evening.\n")
    assert "created" in tandem.command("ingest", str(file), "--corpus", "rules").stdout
    assert "unchanged" in tandem.command("ingest", str(file), "--corpus", "rules").stdout
    file.write_text("# Rule\n\nThe gate of the Quorvex depot closes at seven in the evening.\n")
    done = tandem.command("ingest", str(file), "--corpus", "rules")
    assert "replaced" in done.stdout
    question = "When does the gate of the Quorvex depot close?"
    reply = ask(client, "rules", question)
    assert "seven" in reply.choices[0].message.content
    assert "nine" not in reply.tandem["citations"][0]["quote"]
    document_id = reply.tandem["citations"][0]["document_id"]
    assert tandem.command("documents", "delete", document_id, "--corpus", "rules").returncode == 0
    with pytest.raises(openai.NotFoundError):
        ask(client, "rules", question)


def test_the_command_line_asks_and_tells_its_sources(tandem, corpus) -> None:
    done = tandem.command("ask", QUESTION, "--corpus", corpus)
    assert done.returncode == 0
    assert "every Monday" in done.stdout
    assert "page 2" in done.stdout


def test_status_and_doctor_see_the_server(tandem, corpus) -> None:
    assert tandem.url in tandem.command("status").stdout
    done = tandem.command("doctor")
    assert done.returncode == 0, done.stdout
    assert "a Tandem server runs" in done.stdout
