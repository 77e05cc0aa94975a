"""`tandem eval sets split`: a file of questions as two, to learn from and to measure on."""

from pathlib import Path

from rich.markup import escape

from eval.sets.reading import read_cases
from eval.sets.writing import as_lines, write_whole
from finetune.splitting import split_whole
from tandem.cli.output import print_json, stdout
from tandem.errors import ConflictError, InvalidRequestError


def split_file(file: Path, held: float, seed: int, out: Path | None, *, force: bool, as_json: bool) -> None:
    """Write `STEM.train.jsonl` and `STEM.held.jsonl` beside the file, or into a folder.

    No document and no question is in both: what hangs together goes together. Raises `InvalidRequestError` for
    a file that is no set or that cannot be parted, `ConflictError` where a file is there already, `StorageError`.
    """
    cases = read_cases(file)
    train, kept = split_whole(cases, lambda one: one.question, lambda one: one.documents, held, seed)
    if not train or not kept:
        raise InvalidRequestError(
            f"The {len(cases)} cases of {file} cannot be parted: their documents hang together",
            param="file",
            hint="Questions to several documents can be parted, or name another --held.",
        )
    folder = out or file.parent
    parts = {
        folder / f"{file.stem}.train.jsonl": train,
        folder / f"{file.stem}.held.jsonl": kept,
    }
    for path in parts:
        if path.exists() and not force:
            raise ConflictError(f"{path} is there already", param="out", hint="--force replaces it.")
    for path, part in parts.items():
        write_whole(path, as_lines(part))
    if as_json:
        print_json({str(path): len(part) for path, part in parts.items()})
        return
    for path, part in parts.items():
        documents = len({name for case in part for name in case.documents})
        stdout.print(f"written   {escape(str(path))}  {len(part)} cases of {documents} documents")
