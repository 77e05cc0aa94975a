"""What is refused of a folder that says it is an adapter."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny_adapter import tiny_adapter

from tandem.adapters.taking import take_over
from tandem.adapters.tensors import read_tensors
from tandem.errors import InvalidRequestError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
A = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"


@pytest.fixture
def folder(adapter: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(adapter, tmp_path / "mine"))


@pytest.fixture
def refused(folder: Path, tmp_path: Path) -> Callable[[str], None]:
    """Whether the folder is refused in such words."""
    (tmp_path / "goal").mkdir()

    def check(said: str) -> None:
        with pytest.raises(InvalidRequestError, match=said):
            take_over(folder, tmp_path / "goal", "pypi:tiny")

    return check


def say(folder: Path, **changes: Any) -> None:
    file = folder / CONFIG
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def write_header(file: Path, header: Any, data: bytes = b"") -> None:
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(content)) + content + data)


@pytest.mark.parametrize("name", ["adapter_model.bin", "x.pt", "modeling.py", "a.PKL", "optimizer.ckpt"])
def test_what_may_hold_code_is_refused(folder: Path, refused, name: str):
    (folder / name).write_bytes(b"x")
    refused("may hold code")


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_half_of_an_adapter_is_refused(folder: Path, refused, name: str):
    (folder / name).unlink()
    refused(f"has no {name}")


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, "training.json"])
def test_links_are_not_followed(folder: Path, refused, tmp_path: Path, name: str):
    (tmp_path / "elsewhere").write_text("{}")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "elsewhere")
    refused("is a link")


def test_a_pipe_is_not_waited_for(folder: Path, refused):
    import os

    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    refused("no file")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InvalidRequestError, match="nosuch"):
        take_over(tmp_path / "nosuch", tmp_path, "pypi:tiny")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"peft_type": "IA3"}, "no|not that of a LoRA"),
        ({"auto_mapping": {"base_model_class": "X", "parent_library": "evil"}}, "code of its own"),
        ({"megatron_config": {"x": 1}, "megatron_core": "evil"}, "code of its own"),
        ({"megatron_core": "evil"}, "code of its own"),
        ({"r": 0}, "rank 0"),
        ({"r": 257}, "rank 257"),
        ({"r": 2**40}, "rank"),
        ({"r": True}, "rank True"),
        ({"r": "4"}, "rank '4'"),
        ({"r": 8}, "ranks 4 and 4"),
        ({"rank_pattern": {"q_proj": 300}}, "rank 300"),
        ({"rank_pattern": {"q_proj": 8}}, "ranks 4 and 4"),
        ({"rank_pattern": {"(a+)+$": 4}}, "rank_pattern"),
        ({"alpha_pattern": {"q_proj": "x"}}, "alpha_pattern"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"lora_alpha": 1e30}, "lora_alpha"),
        ({"target_modules": ["v_proj"]}, "does not name"),
        ({"target_modules": ["(a+)+$", "q_proj"]}, "not the name of a module"),
        ({"target_modules": []}, "no target_modules"),
        ({"target_modules": {"x": 1}}, "no list"),
        ({"target_parameters": ["experts.up"]}, "target_parameters"),
        ({"use_dora": True}, "no magnitudes"),
    ],
)
def test_a_configuration_out_of_bounds_is_refused(folder: Path, refused, changes: dict[str, Any], said: str):
    say(folder, **changes)
    refused(said)


@pytest.mark.parametrize(
    "content", ["", "[]", "{", "[" * 100_000, '{"peft_type": "LORA"}', "\x00", " " * 1_100_000]
)
def test_a_configuration_that_is_none_is_refused(folder: Path, refused, content: str):
    (folder / CONFIG).write_text(content)
    refused("adapter_config.json")


def test_magnitudes_belong_to_dora_alone(base: Path, tmp_path: Path):
    folder = tiny_adapter(base, tmp_path / "dora", use_dora=True)
    say(folder, use_dora=False)
    (tmp_path / "goal").mkdir()
    with pytest.raises(InvalidRequestError, match="does not say that it is DoRA"):
        take_over(folder, tmp_path / "goal", "pypi:tiny")


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "said"),
    [
        ("base_model.model.model.embed_tokens.weight", (4, 4), np.float32, "no weight of LoRA"),
        ("x.y.lora_A.weight", (4, 4), np.float32, "does not name"),
        ("../../x.q_proj.lora_A.default.weight", (4, 4), np.float32, "no weight of LoRA"),
        (A, (4, 4, 4), np.float32, "not both matrices"),
        (A, (8, 32), np.float32, "ranks 8 and 4"),
        (A, (4, 32), np.int8, "as I8"),
        (A, (4, 32), np.float64, "as F64"),
    ],
)
def test_weights_that_are_not_of_lora_are_refused(folder: Path, refused, name: str, shape, dtype, said: str):
    weights = load_file(folder / WEIGHTS)
    weights[name] = np.zeros(shape, dtype)
    save_file(weights, folder / WEIGHTS)
    refused(said)


def test_one_of_two_matrices_is_refused(folder: Path, refused):
    weights = load_file(folder / WEIGHTS)
    del weights[A]
    save_file(weights, folder / WEIGHTS)
    refused("not both matrices")


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(folder: Path, refused, dtype: str, number: float):
    import torch
    from safetensors.torch import load_file as load
    from safetensors.torch import save_file as save

    weights = {name: one.to(getattr(torch, dtype)) for name, one in load(folder / WEIGHTS).items()}
    weights[A][1, 2] = number
    save(weights, folder / WEIGHTS)
    refused("not finite")


def _entry(**changes: Any) -> dict[str, Any]:
    return {"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes}


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (b"", b""),
        (b"{", b""),
        (b"[]", b""),
        (b"[" * 100_000, b""),
        (b'{"x": 1}', b""),
        (b'{"x": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}, "x": {}}', b""),
        (_entry(), b"1234567"),
        (_entry(), b"123456789"),
        (_entry(shape=[3]), b"12345678"),
        (_entry(shape=[-2]), b"12345678"),
        (_entry(shape=[True, 2]), b"12345678"),
        (_entry(shape=[1] * 9 + [2]), b"12345678"),
        (_entry(dtype="EVIL"), b"12345678"),
        (_entry(data_offsets=[8, 16]), b"12345678"),
        (_entry(data_offsets=[-8, 0]), b"12345678"),
        (_entry(data_offsets=["0", "8"]), b"12345678"),
        (_entry() | {"y": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"12345678"),
        (_entry() | {"y": {"dtype": "F32", "shape": [2], "data_offsets": [12, 20]}}, b"1" * 20),
    ],
)
def test_a_file_that_is_no_whole_safetensors_file_is_refused(tmp_path: Path, header: Any, data: bytes):
    write_header(tmp_path / "x.safetensors", header, data)
    with pytest.raises(InvalidRequestError, match="not a whole safetensors file"):
        read_tensors(tmp_path / "x.safetensors")


@pytest.mark.parametrize("content", [b"", b"1234", struct.pack("<Q", 2**60), struct.pack("<Q", 100) + b"{}"])
def test_a_header_that_is_longer_than_the_file_is_not_read(tmp_path: Path, content: bytes):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(InvalidRequestError, match="longer than it may be"):
        read_tensors(tmp_path / "x.safetensors")


def test_a_header_over_its_bound_is_not_read(tmp_path: Path):
    with (tmp_path / "x.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 33 * 1024 * 1024))
        file.truncate(40 * 1024 * 1024)
    with pytest.raises(InvalidRequestError, match="longer than it may be"):
        read_tensors(tmp_path / "x.safetensors")


def test_the_header_is_read_as_the_library_reads_it(adapter: Path):
    weights = load_file(adapter / WEIGHTS)
    tensors = read_tensors(adapter / WEIGHTS)
    assert {name: one.shape for name, one in tensors.items()} == {
        name: one.shape for name, one in weights.items()
    }
    content = (adapter / WEIGHTS).read_bytes()
    for name, one in tensors.items():
        assert content[one.begin : one.begin + one.size] == weights[name].tobytes()


@pytest.mark.parametrize(
    ("name", "content"), [("training.json", b"[]"), ("training.json", b"{"), ("curve.png", b"<svg>")]
)
def test_what_comes_beside_the_weights_is_what_its_name_says(
    folder: Path, refused, name: str, content: bytes
):
    (folder / name).write_bytes(content)
    refused(name)
