"""Versions of adapters: registered, found, tagged, removed; and what a fault leaves."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from safetensors import safe_open
from tiny_adapter import facts_of, tiny_adapter, tiny_base

from tandem.adapters import AdapterRegistry, taking
from tandem.adapters import registry as registry_module
from tandem.adapters.base import base_hash
from tandem.adapters.bundle import export_adapter
from tandem.adapters.version import AdapterVersion
from tandem.errors import ConflictError, InvalidRequestError, NotFoundError, StorageError
from tandem.settings import StoreSettings
from tandem.store import Store, open_store

FILES = {"adapter.json", "adapter_config.json", "adapter_model.safetensors", "card.md"}


@pytest.fixture
def register(registry: AdapterRegistry, base: Path, adapter: Path):
    def one(name: str = "mine", **facts: object) -> AdapterVersion:
        return registry.register(adapter, name=name, facts=facts_of(base, **facts), author="ada", base=base)

    return one


def left(data_dir: Path) -> set[str]:
    """Everything below the registry's folder but the folders of names."""
    root = data_dir / "adapters"
    versions = {one.relative_to(root).as_posix() for one in root.glob("[!.]*/*")}
    return versions | {one.name for one in root.glob(".*")}


def test_a_version_keeps_all_that_was_said_of_it(registry: AdapterRegistry, base: Path, adapter: Path):
    facts = facts_of(
        base, parameters={"lr": 4e-4, "targets": ["q_proj"]}, metrics={"dev": {"f1": 0.25}}, seconds=75.5
    )
    made = registry.register(adapter, name="mine", facts=facts, author="ada", note="begin", base=base)
    found = registry.get("mine@1")
    assert (found, found.ref, found.facts, found.rank, found.author, found.note) == (
        made, "mine@1", facts, 4, "ada", "begin",
    )  # fmt: skip
    assert found.served_unmerged
    folder = registry.verify(found)
    assert set(found.files) == FILES == {one.name for one in folder.iterdir()}
    assert found.size == sum(one.stat().st_size for one in folder.iterdir())
    assert json.loads((folder / "adapter.json").read_text())["facts"]["parameters"] == facts.parameters


def test_weights_are_those_that_were_trained_and_the_base_is_called_by_its_source(
    registry: AdapterRegistry, register, adapter: Path, base: Path
):
    folder = registry.folder_of(register())
    with (
        safe_open(folder / "adapter_model.safetensors", "pt") as one,
        safe_open(adapter / "adapter_model.safetensors", "pt") as other,
    ):
        assert all((one.get_tensor(name) == other.get_tensor(name)).all() for name in other.keys())  # noqa: SIM118
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "pypi:tiny"
    assert str(base) not in (folder / "adapter_config.json").read_text()


def test_the_card_says_what_one_wants_to_know(registry: AdapterRegistry, base: Path, adapter: Path):
    facts = facts_of(base, metrics={"dev": {"f1": 0.253}}, parameters={"a|b": "<x>"}, seconds=3_725)
    made = registry.register(adapter, name="mine", facts=facts, author="ada", note="Why\n# not")
    card = (registry.folder_of(made) / "card.md").read_text()
    for said in ("# mine@1", "dev.f1 | 0.253", facts.base_hash, facts.data_hash, "1 h 2 min", "Licence"):
        assert said in card
    assert "\n# not" not in card
    assert "<x>" not in card.replace("\\<", "")


def test_numbers_go_up_and_are_never_given_twice(registry: AdapterRegistry, register):
    assert [register().ref for _ in range(3)] == ["mine@1", "mine@2", "mine@3"]
    registry.remove(registry.get("mine@3"))
    assert register().ref == "mine@4"
    assert [one.number for one in registry.versions("mine")] == [4, 2, 1]
    assert register("other").ref == "other@1"
    assert [one.ref for one in registry.versions()] == ["mine@4", "mine@2", "mine@1", "other@1"]
    with pytest.raises(NotFoundError):
        registry.get("mine@3")


def test_registering_at_the_same_time_gives_each_its_number(
    store_url: str | None, tmp_path: Path, base: Path, adapter: Path
):
    """Two servers with one database and one storage, each with threads."""
    stores = [open_store(StoreSettings(url=store_url), tmp_path) for _ in range(2)]
    registries = [AdapterRegistry(tmp_path, store) for store in stores]
    facts = facts_of(base)
    with ThreadPoolExecutor(4) as pool:
        made = list(
            pool.map(
                lambda n: registries[n % 2].register(adapter, name="mine", facts=facts, author=str(n)),
                range(8),
            )
        )
    assert sorted(one.number for one in made) == list(range(1, 9))
    for one in made:
        other = registries[0].get(one.ref)
        assert (other, registries[1].verify(other).name) == (one, str(one.number))
    assert left(tmp_path) == {f"mine/{number}" for number in range(1, 9)}
    for store in stores:
        store.close()


def test_a_tag_is_on_one_version_and_what_it_was_on_is_known(registry: AdapterRegistry, register):
    register(), register()
    assert registry.tag("mine@1", "champion", author="ada", reason="first").tags == ("champion",)
    registry.tag("mine@2", "champion", author="bob", reason="better")
    registry.tag("mine@2", "candidate", author="bob")
    assert [one.tags for one in registry.versions("mine")] == [("candidate", "champion"), ()]
    assert registry.get("mine@champion").number == 2
    registry.untag("mine", "champion", author="eve")
    with pytest.raises(NotFoundError):
        registry.get("mine@champion")
    with pytest.raises(NotFoundError):
        registry.untag("mine", "champion")
    moves = [
        (one.number, one.author, one.reason) for one in registry.tag_moves("mine") if one.tag == "champion"
    ]
    assert moves == [(None, "eve", ""), (2, "bob", "better"), (1, "ada", "first")]


def test_a_tag_moves_only_from_where_it_is_expected(registry: AdapterRegistry, register):
    register(), register()
    registry.tag("mine@1", "champion", expected=0)
    with pytest.raises(ConflictError, match="version 1"):
        registry.tag("mine@2", "champion", expected=0)
    with pytest.raises(ConflictError):
        registry.tag("mine@2", "champion", expected=2)
    assert registry.tag("mine@2", "champion", expected=1).tags == ("champion",)


def test_a_tag_that_many_move_is_on_one_version(registry: AdapterRegistry, register):
    for _ in range(4):
        register()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: registry.tag(f"mine@{n % 4 + 1}", "champion"), range(16)))
    assert sum("champion" in one.tags for one in registry.versions("mine")) == 1


@pytest.mark.parametrize("tag", ["1", "A", "a b", "", "../x", "x" * 65])
def test_what_could_be_a_number_or_is_no_name_is_no_tag(registry: AdapterRegistry, register, tag: str):
    register()
    with pytest.raises(InvalidRequestError):
        registry.tag("mine@1", tag)


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "a@b", ".a", "a.b", "x" * 65])
def test_a_name_that_is_no_folders_is_refused(here: AdapterRegistry, base: Path, adapter: Path, name: str):
    with pytest.raises(InvalidRequestError):
        here.register(adapter, name=name, facts=facts_of(base), author="ada")


@pytest.mark.parametrize(
    "ref", ["nosuch", "mine@9", "mine@nosuch", "mine@0", "mine@01", "mine@", "../x@1", "mine@1@1"]
)
def test_what_there_is_not_is_not_found(registry: AdapterRegistry, register, ref: str):
    register()
    with pytest.raises(NotFoundError):
        registry.get(ref)


@pytest.mark.parametrize(
    "facts",
    [
        {"base_hash": "x"}, {"base_hash": ""}, {"data_hash": "D" * 64}, {"base": ""}, {"seconds": float("nan")},
        {"metrics": {"loss": float("nan")}}, {"parameters": {"x": object()}}, {"metrics": {"x": "\0"}}, {"metrics": {"\ud800": 1}},
    ],
)  # fmt: skip
def test_facts_that_cannot_be_kept_are_refused(
    here: AdapterRegistry, base: Path, adapter: Path, facts, tmp_path: Path
):
    with pytest.raises(InvalidRequestError):
        here.register(adapter, name="mine", facts=facts_of(base, **facts), author="ada")
    assert here.versions() == []


@pytest.mark.parametrize(
    "said", [{"author": "x" * 129}, {"note": "x" * 10_001}, {"note": "\ud800"}, {"author": "a\0"}]
)
def test_words_that_cannot_be_kept_are_refused(
    here: AdapterRegistry, base: Path, adapter: Path, said: dict[str, str]
):
    with pytest.raises(InvalidRequestError):
        here.register(adapter, name="mine", facts=facts_of(base), **{"author": "ada"} | said)
    assert here.versions() == []


def test_an_adapter_of_another_base_is_refused_by_its_hash(
    here: AdapterRegistry, adapter: Path, base: Path, tmp_path: Path
):
    other = tiny_base(tmp_path / "other", seed=5)
    with pytest.raises(InvalidRequestError, match="another base model"):
        here.register(adapter, name="mine", facts=facts_of(base), author="ada", base=other)


@pytest.mark.parametrize(
    ("options", "said"), [({"hidden": 64}, "shape"), ({"layers": 1}, r"layers\.1.*not there")]
)
def test_an_adapter_of_another_base_is_refused_by_its_shapes(
    here: AdapterRegistry, adapter: Path, tmp_path: Path, options: dict[str, int], said: str
):
    other = tiny_base(tmp_path / "other", **options)
    with pytest.raises(InvalidRequestError, match=said):
        here.register(adapter, name="mine", facts=facts_of(other), author="ada", base=other)
    assert left(tmp_path) == set()


@pytest.mark.parametrize(
    ("options", "unserved"),
    [
        ({"use_rslora": True, "target_modules": "all-linear"}, ""),
        ({"target_modules": r".*\.(q|v)_proj"}, ""),
        ({"layers_to_transform": [1]}, ""),
        ({"rank_pattern": {"q_proj": 8}, "alpha_pattern": {"q_proj": 4}}, ""),
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "kept whole"),
        ({"init_lora_weights": "pissa"}, "start"),
        ({"target_modules": ["embed_tokens", "q_proj"]}, "embeddings"),
    ],
)  # fmt: skip
def test_all_that_peft_writes_is_taken_and_what_vllm_does_not_serve_is_said(
    here: AdapterRegistry, base: Path, tmp_path: Path, options, unserved: str
):
    folder = tiny_adapter(base, tmp_path / "tuned", **options)
    made = here.register(folder, name="mine", facts=facts_of(base), author="ada", base=base)
    assert made.served_unmerged == (not unserved)
    assert unserved in ", ".join(made.unserved)
    assert made.rank == max([4, *options.get("rank_pattern", {}).values()])


def test_what_stands_for_a_pattern_tunes_the_same_modules(here: AdapterRegistry, base: Path, tmp_path: Path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    folder = tiny_adapter(
        base, tmp_path / "tuned", target_modules=r".*\.(q|v)_proj", layers_to_transform=None
    )
    made = here.register(folder, name="mine", facts=facts_of(base), author="ada")
    config = json.loads((here.folder_of(made) / "adapter_config.json").read_text())
    assert len(config["target_modules"]) == 4
    names = []
    for one in (folder, here.folder_of(made)):
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), one)
        names.append(
            {name: weights.sum().item() for name, weights in model.named_parameters() if "lora_" in name}
        )
    assert names[0] == names[1]


@pytest.mark.parametrize("damage", ["shorter", "gone", "link"])
def test_a_file_that_is_not_what_it_was_is_noticed_when_the_folder_is_asked_for(
    here: AdapterRegistry, base: Path, adapter: Path, damage: str
):
    made = here.register(adapter, name="mine", facts=facts_of(base), author="ada")
    weights = here.folder_of(made) / "adapter_model.safetensors"
    content = weights.read_bytes()
    weights.unlink()
    if damage == "shorter":
        weights.write_bytes(content[:-1])
    elif damage == "link":
        weights.symlink_to(adapter / "adapter_model.safetensors")
    with pytest.raises(StorageError, match=r"mine@1.*adapter_model"):
        here.folder_of(made)


def test_a_changed_byte_is_noticed_when_hashes_are_compared(here: AdapterRegistry, base: Path, adapter: Path):
    made = here.register(adapter, name="mine", facts=facts_of(base), author="ada")
    weights = here.folder_of(made) / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    here.folder_of(made)
    with pytest.raises(StorageError, match="hash"):
        here.verify(made)


def test_a_removed_version_takes_its_files_with_it_but_not_while_it_has_a_tag(
    registry: AdapterRegistry, register, tmp_path: Path
):
    register(), register()
    registry.tag("mine@1", "champion")
    with pytest.raises(ConflictError, match="champion"):
        registry.remove(registry.get("mine@1"))
    registry.remove(registry.get("mine@1"), tagged=True)
    assert left(tmp_path) == {"mine/2"}
    assert registry.tag_moves("mine")[0].number is None
    with pytest.raises(NotFoundError):
        registry.get("mine@champion")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("imported", [False, True])
def test_a_kill_in_the_middle_registers_nothing_and_its_leftovers_go(
    store_url: str | None, registry: AdapterRegistry, register, base: Path, adapter: Path, tmp_path: Path,
    when: str, imported: bool,
):  # fmt: skip
    source = adapter
    if imported:
        source = tmp_path / "mine.tandem-adapter"
        export_adapter(registry, register(), source)
    else:
        register()
    run = subprocess.run(
        [
            sys.executable,
            "tests/killed_registration.py",
            store_url or "",
            tmp_path,
            base_hash(base),
            source,
            when,
        ],
        env=os.environ | {"PYTHONPATH": "."},
        capture_output=True,
        timeout=120,
    )
    assert run.returncode == -9, run.stderr.decode()
    assert [one.ref for one in registry.versions()] == ["mine@1"]
    rubbish = left(tmp_path) - {"mine/1"}
    assert ("mine/2" in rubbish) == (when == "after")
    assert sum(one.startswith(".making-") for one in rubbish) == (when == "before") + imported
    for one in (tmp_path / "adapters").glob(".making-*"):
        os.utime(one, (0, 0))  # a day later
    registry.clear_leftovers()
    assert left(tmp_path) == {"mine/1"}
    assert register().ref == "mine@2"
    assert left(tmp_path) == {"mine/1", "mine/2"}
    registry.verify(registry.get("mine@2"))


def test_versions_of_another_store_on_the_same_folder_are_neither_deleted_nor_written_over(
    registry: AdapterRegistry, register, base: Path, adapter: Path, tmp_path: Path
):
    """As after `store.url` was set: nothing of what is there has a row any more."""
    made = register()
    other = open_store(StoreSettings(url=f"sqlite:///{tmp_path}/other.sqlite3"), tmp_path)
    later = AdapterRegistry(tmp_path, other).register(
        adapter, name="mine", facts=facts_of(base), author="ada"
    )
    other.close()
    assert later.ref == "mine@2"
    registry.verify(made)
    assert register().ref == "mine@3"


def test_a_kill_in_the_middle_of_a_removal_leaves_what_is_cleared_later(
    registry: AdapterRegistry, register, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = register()

    def fake_kill(self: AdapterRegistry, folder: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(AdapterRegistry, "_set_aside", fake_kill)
    with pytest.raises(KeyboardInterrupt):
        registry.remove(made)
    monkeypatch.undo()
    assert (registry.versions(), left(tmp_path)) == ([], {"mine/1"})
    registry.clear_leftovers()
    assert left(tmp_path) == set()
    assert register().ref == "mine@2"


def test_what_another_process_is_just_filling_stays(here: AdapterRegistry, tmp_path: Path):
    with here.workplace() as folder:
        here.clear_leftovers()
        assert folder.is_dir()
    assert left(tmp_path) == set()


@pytest.mark.parametrize("when", ["copying", "placing"])
def test_a_full_disk_is_told_and_nothing_is_registered(
    registry: AdapterRegistry, register, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, when: str
):
    def fake_full_disk(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if when == "copying":
        monkeypatch.setattr(taking.os, "fsync", fake_full_disk)
    else:
        monkeypatch.setattr(registry_module, "put_in_place", fake_full_disk)
    with pytest.raises(StorageError, match="No space left"):
        register()
    monkeypatch.undo()
    assert (registry.versions(), left(tmp_path)) == ([], set())
    assert register().ref == "mine@1"


def test_a_disk_that_is_too_small_is_told_before_anything_is_copied(
    here: AdapterRegistry, base: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1024})())
    with pytest.raises(StorageError, match="needed"):
        here.register(adapter, name="mine", facts=facts_of(base), author="ada")
    assert left(tmp_path) == set()


def test_a_database_that_fails_at_the_end_registers_nothing(
    registry: AdapterRegistry, register, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    real = registry_module.row_of

    def fake_row_of(version: AdapterVersion):
        raise StorageError("The disk is full")

    monkeypatch.setattr(registry_module, "row_of", fake_row_of)
    with pytest.raises(StorageError):
        register()
    monkeypatch.setattr(registry_module, "row_of", real)
    assert registry.versions() == []
    made = register()
    assert (made.ref, left(tmp_path)) == ("mine@1", {"mine/1"})
    registry.verify(made)


def test_a_number_of_a_killed_registration_is_not_cleared_under_one_that_registers(
    registry: AdapterRegistry, register, monkeypatch: pytest.MonkeyPatch
):
    """The folder has its name a moment before the row is there: clearing waits for that moment to pass."""
    placed, cleared = threading.Event(), []
    real = registry_module.row_of

    def slow_row_of(version: AdapterVersion):
        placed.set()
        time.sleep(0.3)
        return real(version)

    monkeypatch.setattr(registry_module, "row_of", slow_row_of)

    def clear() -> None:
        placed.wait()
        registry.clear_leftovers()
        cleared.append(True)

    thread = threading.Thread(target=clear)
    thread.start()
    made = register()
    thread.join()
    assert cleared
    registry.verify(made)


def test_training_notes_and_curve_come_along_and_nothing_else_does(
    here: AdapterRegistry, base: Path, adapter: Path, tmp_path: Path
):
    run = tmp_path / "run"
    shutil.copytree(adapter, run)
    (run / "training.json").write_text('{"points": []}')
    (run / "curve.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (run / "notes.txt").write_text("mine alone")
    (run / "checkpoint-3").mkdir()
    (run / "checkpoint-3" / "optimizer.pt").write_bytes(b"pickle")
    made = here.register(run, name="mine", facts=facts_of(base), author="ada")
    assert set(made.files) == FILES | {"training.json", "curve.png"}
    here.verify(made)
