"""CovidQA as Tandem takes it: a folder of documents, and questions that say which another article answers, too.

    python -m bench.covidqa FOLDER [--data ../shared/data/covidqa]

FOLDER must not exist yet. The set names one article for each question. Asked again with this article left out, a
question has no answer only where no other article has one. `covidqa_elsewhere.json` has, by reader, the questions to
which readers found an answer in the best passages of the other articles. The readers were language models and saw the
reference, too; of dev there are two, who did not know of each other. What all readers of a part say, counts: in
`train.jsonl` such questions are marked `elsewhere`, in `dev.jsonl` they are tagged, so that a report has them and the
others as slices. How far the two agree is printed as Cohen's kappa.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from bench.texts import read_lines

_ELSEWHERE = Path(__file__).parent / "covidqa_elsewhere.json"


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    arguments = parser.parse_args()
    documents = (arguments.folder / "documents").absolute()
    if arguments.folder.exists():
        parser.error(f"{arguments.folder} is there already: name another folder")
    documents.mkdir(parents=True)
    addresses = {}
    for one in read_lines(arguments.data / "corpus.jsonl"):
        file = documents / f"{one['id']}.txt"
        file.write_text(f"{one['title']}\n\n{one['text']}", encoding="utf-8")
        addresses[one["id"]] = file.as_uri()
    elsewhere = json.loads(_ELSEWHERE.read_text(encoding="utf-8"))
    for part in ("train", "dev"):
        questions = read_lines(arguments.data / f"questions.{part}.jsonl")
        told = {f"covidqa-{number}" for number in set.intersection(*map(set, elsewhere[part]))}
        lines = [
            one
            | {"doc_ids": [addresses[each] for each in one["doc_ids"]]}
            | _said(part, told=one["id"] in told)
            for one in questions
        ]
        (arguments.folder / f"{part}.jsonl").write_text(
            "".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8"
        )
        print(f"{part}: {len(lines)} questions, {len(told)} answered by another article, too")
        if len(elsewhere[part]) == 2:
            first, second = map(set, elsewhere[part])
            print(f"kappa {_kappa(first, second, len(lines)):.2f}")


def _said(part: str, *, told: bool) -> dict[str, Any]:
    if part == "train":
        return {"elsewhere": True} if told else {}
    return {"tags": ["answered-elsewhere" if told else "answered-nowhere-else"]}


def _kappa(first: set[int], second: set[int], questions: int) -> float:
    """Agreement of two readers beyond chance (Cohen, 1960)."""
    agreed = 1 - len(first ^ second) / questions
    one, other = len(first) / questions, len(second) / questions
    chance = one * other + (1 - one) * (1 - other)
    return (agreed - chance) / (1 - chance)


if __name__ == "__main__":
    main()
