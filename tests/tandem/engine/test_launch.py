import json
from pathlib import Path

import pytest

from tandem.engine.adapters import check_adapters
from tandem.engine.launch import engine_address, engine_command, engine_environment, has_cuda
from tandem.errors import SettingsError
from tandem.settings import EngineSettings


def _adapter(folder: Path, **config: object) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_the_command_serves_the_model_with_lora_on_loopback(tmp_path: Path) -> None:
    command = engine_command(EngineSettings(port=9001, max_lora_rank=32), tmp_path, cuda=False)
    assert command[1:3] == ["-m", "vllm.entrypoints.openai.api_server"]
    assert (_option(command, "--host"), _option(command, "--port")) == ("127.0.0.1", "9001")
    assert (_option(command, "--model"), _option(command, "--served-model-name")) == (str(tmp_path), "base")
    assert (_option(command, "--max-lora-rank"), _option(command, "--max-model-len")) == ("32", "4096")
    assert "--enable-lora" in command
    assert (_option(command, "--max-loras"), _option(command, "--max-cpu-loras")) == ("4", "16")
    assert "--gpu-memory-utilization" not in command


def test_the_link_to_the_interpreter_is_kept(tmp_path: Path) -> None:
    (tmp_path / "real").touch()
    (tmp_path / "python").symlink_to(tmp_path / "real")
    settings = EngineSettings(python=tmp_path / "python")
    assert engine_command(settings, tmp_path, cuda=False)[0] == str(tmp_path / "python")


def test_the_share_of_the_gpu_is_for_cuda(tmp_path: Path) -> None:
    command = engine_command(EngineSettings(gpu_memory_fraction=0.5), tmp_path, cuda=True)
    assert _option(command, "--gpu-memory-utilization") == "0.5"


def test_adapters_are_named_with_absolute_folders_and_have_a_slot_each(tmp_path: Path) -> None:
    settings = EngineSettings(adapters={"law": Path("a=b,c"), "tax": tmp_path})
    command = engine_command(settings, tmp_path, cuda=False)
    assert _option(command, "--max-loras") == "4"
    crowded = EngineSettings(adapters={f"law{number}": tmp_path for number in range(20)})
    command_for_all = engine_command(crowded, tmp_path, cuda=False)
    assert [_option(command_for_all, name) for name in ("--max-loras", "--max-cpu-loras")] == ["20", "20"]
    start = command.index("--lora-modules") + 1
    modules = [json.loads(text) for text in command[start : start + 2]]
    assert modules == [
        {"name": "law", "path": str(Path.cwd() / "a=b,c")},
        {"name": "tax", "path": str(tmp_path)},
    ]


def test_arguments_of_the_settings_come_last(tmp_path: Path) -> None:
    settings = EngineSettings(extra_args=("--max-model-len", "99"))
    assert engine_command(settings, tmp_path, cuda=True)[-2:] == ["--max-model-len", "99"]


def test_the_environment_opens_loras_and_closes_telemetry() -> None:
    inherited = {"PATH": "/bin", "PYTHONPATH": "x", "TANDEM_ENGINE__API_KEY": "secret", "VIRTUAL_ENV": "x"}
    environment = engine_environment(EngineSettings(kv_cache_gib=3), inherited)
    assert environment["PATH"] == "/bin"
    assert not {"TANDEM_ENGINE__API_KEY", "VIRTUAL_ENV", "VLLM_PLUGINS"} & environment.keys()
    assert [path.name for path in Path(environment["PYTHONPATH"]).glob("*.py")] == ["tandem_vllm_plugin.py"]
    chosen = engine_environment(EngineSettings(), {"VLLM_PLUGINS": "mine"})
    assert chosen["VLLM_PLUGINS"] == "mine,tandem_cpu_lora"
    assert environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    assert environment["VLLM_CPU_KVCACHE_SPACE"] == "3"
    assert (environment["VLLM_NO_USAGE_STATS"], environment["HF_HUB_OFFLINE"]) == ("1", "1")


@pytest.mark.parametrize("address", ["http://gpu:8000", "http://gpu:8000/", "http://gpu:8000/v1"])
def test_an_address_may_be_written_in_its_usual_ways(address: str) -> None:
    assert engine_address(EngineSettings(address=address)) == "http://gpu:8000"
    assert engine_address(EngineSettings(port=9)) == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("script", "expected"),
    [("echo 'GPU 0: H100'", True), ("echo 'No devices were found'", False), ("exit 9", False), (None, False)],
)
def test_cuda_is_seen_by_what_nvidia_smi_answers(tmp_path, monkeypatch, script, expected: bool) -> None:
    if script is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert has_cuda() is expected


def test_adapters_that_fit_pass(tmp_path: Path) -> None:
    check_adapters(EngineSettings(adapters={"law": _adapter(tmp_path / "law", r=16)}))


def test_adapters_that_vllm_would_die_of_are_refused_by_name(tmp_path: Path) -> None:
    broken = _adapter(tmp_path / "broken")
    (broken / "adapter_config.json").write_text("{")
    wrong = {
        "law": tmp_path / "missing",
        "broken": broken,
        "rankless": _adapter(tmp_path / "rankless", r=None),
        "high": _adapter(tmp_path / "high", r=64),
        "base": _adapter(tmp_path / "base", r=8),
    }
    for name, folder in wrong.items():
        with pytest.raises(SettingsError, match=f"'{name}'") as caught:
            check_adapters(EngineSettings(adapters={name: folder}))
        assert (caught.value.param, bool(caught.value.hint)) == ("engine.adapters", True)
