"""kill -9 of a server that ingests and answers: the next start needs no manual step."""

import threading
import time
from pathlib import Path

import httpx
from running import environment_for, started

TEXT = "\n\n".join(
    f"## Section {n}\n\nThe Velmar bridge, part {n}, was inspected in {1900 + n} by team {n} and found sound."
    for n in range(150)
)


def _busy(url: str, stop: threading.Event) -> None:
    """Ask and ingest without a pause until told to stop; the server may die at any moment."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        turn = 0
        while not stop.is_set():
            turn += 1
            try:
                http.post(
                    "/api/corpora/busy/documents",
                    files={"file": ("b.md", f"{TEXT}\n\nTurn {turn}.".encode())},
                )
                question = {"role": "user", "content": "Who inspected the Velmar bridge?"}
                http.post("/v1/chat/completions", json={"messages": [question], "max_tokens": 30})
            except httpx.TransportError:
                return


def test_a_killed_server_starts_again_whole(tandem, tmp_path: Path) -> None:
    # The engine is that of the run; its guard has its own tests.
    environment = environment_for(tmp_path / "data", TANDEM_ENGINE__ADDRESS=tandem.engine_url)
    stop = threading.Event()
    for kill in range(3):
        with started(environment, "--no-demo", log=tmp_path / f"up-{kill}.log") as server:
            server.wait_ready()
            if kill == 0:
                with server.client() as http:
                    kept = http.post(
                        "/api/corpora/kept/documents",
                        files={"file": ("k.md", b"# K\n\nThe Oxbow lock opens at dawn.")},
                    )
                assert kept.status_code == 201
            threads = [threading.Thread(target=_busy, args=(server.url, stop)) for _ in range(3)]
            for thread in threads:
                thread.start()
            time.sleep(2.0 + 0.7 * kill)
            server.process.kill()
            server.process.wait()
            for thread in threads:
                thread.join(90)
    with started(environment, "--no-demo", log=tmp_path / "up-last.log") as server:
        server.wait_ready()
        with server.client() as http:
            done = http.post("/api/corpora/busy/documents", files={"file": ("b.md", TEXT.encode())}).json()
            corpora = {corpus["name"]: corpus for corpus in http.get("/api/corpora").json()["corpora"]}
            assert corpora["busy"] == {"name": "busy", "documents": 1, "chunks": done["chunks"]}
            question = {"role": "user", "content": "When does the Oxbow lock open?"}
            reply = http.post(
                "/v1/chat/completions", json={"messages": [question], "tandem": {"corpora": ["kept"]}}
            ).json()
            assert "dawn" in reply["choices"][0]["message"]["content"]
            metrics = http.get("/metrics").text
            assert 'tandem_answers_total{outcome="answered",recipe="rag"} 1.0' in metrics
