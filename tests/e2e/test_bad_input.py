"""What a stranger's file or question can do: be refused, with a reason, and leave nothing behind."""

from pathlib import Path

import pytest
from pdfs import pdf_bytes
from running import tandem_command

REFUSED = {
    "empty": ("empty.md", b"", 400),
    "binary": ("notes.txt", bytes(range(256)) * 20, 415),
    "wrong-typed": ("picture.pdf", b"\x89PNG\r\n\x1a\n" + bytes(500), 415),
    "broken UTF-8": ("notes.md", b"caf\xe9 " * 50, 422),
    "PDF without text": ("scan.pdf", pdf_bytes([""]), 422),
    "broken PDF": ("broken.pdf", b"%PDF-1.7\nnothing that follows is a PDF", 422),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_bad_file_is_refused_with_the_same_words_everywhere(tandem, tmp_path: Path, kind: str) -> None:
    name, content, status = REFUSED[kind]
    with tandem.client() as http:
        response = http.post("/api/corpora/strange/documents", files={"file": (name, content)})
        assert response.status_code == status, response.text
        error = response.json()["error"]
        assert error["type"]
        assert error["message"]
        assert "strange" not in [corpus["name"] for corpus in http.get("/api/corpora").json()["corpora"]]
    file = tmp_path / name
    file.write_bytes(content)
    done = tandem.command("ingest", str(file), "--corpus", "strange")
    assert done.returncode == 1
    assert error["message"] in " ".join((done.stderr + done.stdout).split())


def test_a_huge_file_is_refused(tandem) -> None:
    with tandem.client() as http:
        response = http.post(
            "/api/corpora/strange/documents", files={"file": ("big.txt", b"a " * 26 * 1024 * 1024)}
        )
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "too_large_error"


@pytest.mark.parametrize("corpus", ["UPPER", "..", "a b", "x" * 65])
def test_a_strange_name_of_a_corpus_is_refused(tandem, corpus: str) -> None:
    with tandem.client() as http:
        response = http.post(f"/api/corpora/{corpus}/documents", files={"file": ("a.md", b"# A\n\ntext")})
    assert response.status_code in (400, 404, 405)
    assert "message" in response.json()["error"]


def test_an_unknown_document_is_not_found(tandem) -> None:
    with tandem.client() as http:
        response = http.get("/api/corpora/tandem-docs/documents/00000000-0000-0000-0000-000000000000")
    assert response.status_code == 404


def test_a_question_over_the_limit_is_refused(tandem) -> None:
    with tandem.client() as http:
        body = {"messages": [{"role": "user", "content": "x" * 8_001}]}
        response = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 413


def test_broken_json_is_refused_in_our_shape(tandem) -> None:
    with tandem.client() as http:
        response = http.post(
            "/v1/chat/completions", content=b"{", headers={"Content-Type": "application/json"}
        )
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_wrong_usage_is_exit_code_2(tandem) -> None:
    assert tandem.command("ask").returncode == 2


def test_a_second_server_on_the_port_is_told_so(tandem) -> None:
    port = tandem.url.rsplit(":", 1)[1]
    done = tandem.command("up", "--port", port)
    assert done.returncode == 1
    assert "Cannot listen on" in done.stderr


def test_a_second_process_on_the_index_is_told_so(tandem) -> None:
    environment = tandem.environment | {"TANDEM_SERVER__PORT": "0"}
    environment.pop("TANDEM_SERVER__PORT")
    done = tandem_command("up", "--port", "18765", environment=environment)
    assert done.returncode == 1
    assert "conflict_error" in done.stderr or "index_owned_error" in done.stderr


def test_an_unknown_setting_is_refused_by_name(tandem) -> None:
    done = tandem_command("status", environment=tandem.environment | {"TANDEM_ENGINE__PROT": "1"})
    assert done.returncode == 1
    assert "TANDEM_ENGINE__PROT" in done.stderr


def test_asking_without_a_server_says_how_to_start_one(tandem, tmp_path: Path) -> None:
    done = tandem_command("ask", "Why?", environment=tandem.environment | {"TANDEM_DATA_DIR": str(tmp_path)})
    assert done.returncode == 1
    assert "tandem up" in done.stderr


def test_a_missing_model_package_is_named(tandem, tmp_path: Path) -> None:
    environment = tandem.environment | {
        "TANDEM_DATA_DIR": str(tmp_path),
        "TANDEM_ENGINE__MODEL": "pypi:no-such-model",
    }
    done = tandem_command("models", "prepare", environment=environment)
    assert done.returncode == 1
    assert "no-such-model" in done.stderr
