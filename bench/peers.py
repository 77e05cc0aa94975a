"""Tandem's ingestion beside LlamaIndex's, as a user would write it.

    python -m bench.peers [--data ../shared/data/covidqa] [--documents 69] [--rounds 2]

Both read the same text files, cut them to the same number of tokens and overlap, and embed them with the same model:
LlamaIndex's `IngestionPipeline` of `SentenceSplitter` and `HuggingFaceEmbedding`, into `QdrantVectorStore`
on `QdrantClient(path=...)`, which is what its docs name for one machine; Tandem's job into SQLite and Qdrant
Edge. Each run is a process of its own, in turns; time is from the first file to the last vector on disk, so
without imports and loading of the model. Memory is the process's peak, disk what is in its folder at the
end: Tandem's also holds a BM25 vector of each chunk and the documents' texts.
"""

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.texts import read_lines, write_files
from tandem.settings import Settings

_RESULT = Path(__file__).parent / "results" / "peers.json"


def main() -> None:
    """Measure, print and keep the result; with --run, be one of the two."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    parser.add_argument("--documents", type=int, default=69)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--run", choices=sorted(_RUNS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(_RUNS[arguments.run](arguments.folder)))
        return
    documents = read_lines(arguments.data / "corpus.jsonl")[: arguments.documents]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in _RUNS}
    for _ in range(arguments.rounds):
        for name in _RUNS:
            with tempfile.TemporaryDirectory() as folder:
                write_files(documents, Path(folder) / "files")
                runs[name].append(_measured(name, Path(folder)))
                print(json.dumps({name: runs[name][-1]}))
    ratio = [
        ours["documents_per_s"] / theirs["documents_per_s"]
        for ours, theirs in zip(runs["tandem"], runs["llama_index"], strict=True)
    ]
    report = {
        "command": "python -m bench.peers",
        "machine": machine(),
        "data": arguments.data.name,
        "documents": len(documents),
        "runs": runs,
        "tandem_over_llama_index_documents_per_s_median": round(statistics.median(ratio), 2),
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _measured(name: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.peers", "--run", name, "--folder", str(folder)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


def _tandem(folder: Path) -> dict[str, Any]:
    from bench.ingestion import run_job
    from tandem.embedding import load_embedder

    embedder = load_embedder(Settings().embedding)
    embedder.embed_documents(["warm up"] * 32)
    job, _, spent = asyncio.run(run_job(folder, embedder))
    embedder.close()
    return _figures(job.total, job.chunks, spent.seconds, folder / "data")


def _llama_index(folder: Path) -> dict[str, Any]:
    import importlib.metadata

    from llama_index.core import SimpleDirectoryReader
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient
    from transformers import AutoTokenizer

    from tandem.models.sources import PackageSource, resolve_source

    package = resolve_source(Settings().embedding.model)
    if not isinstance(package, PackageSource):
        raise SystemExit("The comparison wants the default embedder")
    model = str(package.folder_with("modules.json"))
    tokenizer = AutoTokenizer.from_pretrained(model)
    settings = Settings().ingest
    embedding = HuggingFaceEmbedding(model_name=model, embed_batch_size=32)
    embedding.get_text_embedding_batch(["warm up"] * 32)
    client = QdrantClient(path=str(folder / "data"))
    pipeline = IngestionPipeline(
        transformations=[
            SentenceSplitter(
                chunk_size=settings.chunk_tokens,
                chunk_overlap=settings.chunk_overlap_tokens,
                tokenizer=lambda text: tokenizer(text, add_special_tokens=False)["input_ids"],
            ),
            embedding,
        ],
        vector_store=QdrantVectorStore(client=client, collection_name="bench"),
    )
    begun = time.perf_counter()
    documents = SimpleDirectoryReader(str(folder / "files")).load_data()
    nodes = pipeline.run(documents=documents)
    client.close()
    seconds = time.perf_counter() - begun
    version = importlib.metadata.version("llama-index-vector-stores-qdrant")
    return _figures(len(documents), len(nodes), seconds, folder / "data") | {
        "llama_index_vector_stores_qdrant": version
    }


def _figures(documents: int, chunks: int, seconds: float, data: Path) -> dict[str, Any]:
    size = sum(file.stat().st_size for file in data.rglob("*") if file.is_file())
    used = sum(file.stat().st_blocks * 512 for file in data.rglob("*") if file.is_file())
    return {
        "documents": documents,
        "chunks": chunks,
        "documents_per_s": round(documents / seconds, 2),
        "chunks_per_s": round(chunks / seconds, 1),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "disk_mib": round(used / 2**20, 1),
        "disk_apparent_mib": round(size / 2**20, 1),
    }


_RUNS = {"tandem": _tandem, "llama_index": _llama_index}


if __name__ == "__main__":
    main()
