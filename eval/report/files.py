"""The comparison on disk: a page, a summary, and the figures themselves."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from eval.comparison import Comparison
from eval.report.markdown import render_markdown
from eval.report.page import render_html
from tandem.errors import InvalidRequestError, NotFoundError, StorageError


@dataclass(frozen=True, slots=True)
class Written:
    """Where the three files of a comparison stand."""

    html: Path
    markdown: Path
    json: Path


def write_report(comparison: Comparison, folder: Path, stem: str = "comparison") -> Written:
    """Write `STEM.html`, `STEM.md` and `STEM.json`; each takes its name only when all three are whole.

    Raises `StorageError` where the disk refuses; files of an earlier comparison are then as they were.
    """
    texts = {
        folder / f"{stem}.html": render_html(comparison),
        folder / f"{stem}.md": render_markdown(comparison),
        folder / f"{stem}.json": comparison.model_dump_json(indent=1) + "\n",
    }
    fresh = {path: path.with_name(f".{path.name}.unfinished") for path in texts}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            fresh[path].write_text(text, encoding="utf-8")
        for path, unfinished in fresh.items():
            unfinished.replace(path)
    except OSError as error:
        for unfinished in fresh.values():
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
        raise StorageError(
            f"The report cannot be written to {folder}: {error.strerror or error}.",
            hint="Name a folder that may be written to with --out, and see that the disk has room.",
        ) from error
    return Written(*texts)


def read_comparison(file: Path) -> Comparison:
    """The comparison of a file that `write_report` wrote. Raises `NotFoundError`, `InvalidRequestError`."""
    try:
        return Comparison.model_validate_json(file.read_bytes())
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no comparison at {file}.", hint="See the path.") from error
    except OSError as error:
        raise StorageError(f"{file} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise InvalidRequestError(
            f"{file} is no comparison: {place}: {first['msg']}.",
            hint="Give the JSON file that `tandem compare` wrote, of this version of Tandem.",
        ) from error
