"""A training that goes on from an adapter's weights."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from finetune.training import BaseModel, TrainingOptions, Validated, train
from finetune.training.starting import seconds_until
from tandem.errors import InvalidRequestError

OPTIONS = TrainingOptions(rank=4, epochs=1, batch_size=4, lr=5e-3, dtype="fp32", eval_every=5)


def trained(
    given: Path, base: BaseModel, out: Path, start: Path | None = None, options: TrainingOptions = OPTIONS
) -> list[Validated]:
    seen: list[Validated] = []

    def heard(event: object) -> None:
        if isinstance(event, Validated):
            seen.append(event)

    assert train(given, base, out, options, report=heard, start=start, device="cpu")
    return seen


@pytest.fixture(scope="module")
def first(
    tiny: BaseModel, tiny_set: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Validated]]:
    out = tmp_path_factory.mktemp("first") / "run"
    return out, trained(tiny_set, tiny, out)


def test_it_begins_where_the_other_ended_and_says_with_what(
    first: tuple[Path, list[Validated]], tiny: BaseModel, tiny_set: Path, tmp_path: Path
) -> None:
    before, events = first
    seen = trained(tiny_set, tiny, tmp_path / "run", start=before)
    assert seen[0].loss == pytest.approx(min(event.loss for event in events), rel=1e-5)
    assert seen[0].loss < events[0].loss
    report = json.loads((tmp_path / "run" / "training.json").read_text())
    assert report["start"] == sha256((before / "adapter_model.safetensors").read_bytes()).hexdigest()
    told = json.loads((before / "training.json").read_text())
    assert "start" not in told
    assert "seconds_before" not in told
    assert report["seconds_before"] == told["seconds"] > 0


def test_the_time_of_all_trainings_that_led_there_is_known(
    first: tuple[Path, list[Validated]], tiny: BaseModel, tiny_set: Path, tmp_path: Path
) -> None:
    trained(tiny_set, tiny, tmp_path / "second", start=first[0])
    second = json.loads((tmp_path / "second" / "training.json").read_text())
    assert seconds_until(tmp_path / "second") == second["seconds"] + second["seconds_before"]
    (tmp_path / "second" / "training.json").write_text("[]")
    with pytest.raises(InvalidRequestError, match=r"training\.json cannot be read"):
        seconds_until(tmp_path / "second")
    (tmp_path / "second" / "training.json").unlink()
    assert seconds_until(tmp_path / "second") == 0.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (replace(OPTIONS, alpha=16.0), "lora_alpha"),
        (replace(OPTIONS, rank=8, alpha=8.0), "rank"),
        (replace(OPTIONS, targets=("q_proj",)), "layers"),
    ],
)
def test_an_adapter_of_another_shape_is_refused(
    first: tuple[Path, list[Validated]],
    tiny: BaseModel,
    tiny_set: Path,
    tmp_path: Path,
    options: TrainingOptions,
    said: str,
) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        trained(tiny_set, tiny, tmp_path / "run", start=first[0], options=options)
    assert not (tmp_path / "run").exists()


def test_one_of_another_base_is_refused(
    first: tuple[Path, list[Validated]], tiny: BaseModel, tiny_set: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequestError, match="another base"):
        trained(tiny_set, replace(tiny, sha256="ef" * 32), tmp_path / "run", start=first[0])


def test_a_folder_without_an_adapter_is_refused(tiny: BaseModel, tiny_set: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError):
        trained(tiny_set, tiny, tmp_path / "run", start=tmp_path)
