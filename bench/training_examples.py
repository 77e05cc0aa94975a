"""A training set made of questions and their documents, without index and prompts: only its sizes matter."""

import random
from pathlib import Path

from bench.texts import read_lines
from finetune.examples import Kind, TrainingExample, write_examples

_WORDS, _STEP, _PASSAGES, _LONGEST = 110, 95, 3, 200


def covidqa_set(data: Path, folder: Path) -> Path:
    """A question over three passages of its document, one of which holds the answer."""
    chosen = random.Random(0)
    passages = {
        document["id"]: _passages(document["text"].split()) for document in read_lines(data / "corpus.jsonl")
    }
    examples = []
    for asked in read_lines(data / "questions.train.jsonl"):
        answer = asked["answers"][0] if asked["answers"] else ""
        own = passages[asked["doc_ids"][0]]
        right = [passage for passage in own if answer and answer in passage][:1]
        others = [passage for passage in own if answer not in passage]
        if right and len(answer) <= _LONGEST and len(others) >= _PASSAGES:
            shown = right + chosen.sample(others, _PASSAGES - 1)
            chosen.shuffle(shown)
            examples.append(_example(asked["id"], asked["question"], answer, shown, asked["doc_ids"][0]))
    chosen.shuffle(examples)
    folder.mkdir()
    write_examples(folder / "train.jsonl", examples)
    return folder


def _passages(words: list[str]) -> list[str]:
    return [" ".join(words[at : at + _WORDS]) for at in range(0, len(words), _STEP)]


def _example(name: str, question: str, answer: str, shown: list[str], document: str) -> TrainingExample:
    listed = "\n\n".join(f"[{number}] {passage}" for number, passage in enumerate(shown, start=1))
    messages = (
        {"role": "system", "content": "Answer from the passages alone."},
        {"role": "user", "content": f"{listed}\n\nQuestion: {question}"},
    )
    return TrainingExample(name, Kind.GROUNDED, messages, answer, question, (answer,), (document,))
