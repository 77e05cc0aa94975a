import json
from pathlib import Path

import httpx
import pytest
from model_tokens import default_tokenizer
from tiny_base import make_tiny_base, make_tiny_set

from bench import adapters_serving, fake_engine, training
from bench.adapters_serving import command_of, loads, make_models, plan, read_arguments
from bench.device import RESULTS, Device, read_devices
from bench.dummy_models import SHAPES, parameters_of, write_adapters, write_dummy
from bench.streamed_load import Load, measure, prompts


@pytest.fixture(scope="module")
def dummy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dummy(SHAPES["llama-tiny"], default_tokenizer(), tmp_path_factory.mktemp("dummy"))


def test_a_dummy_has_the_tokens_of_its_tokenizer_and_no_weights(dummy: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(dummy)
    assert AutoConfig.from_pretrained(dummy).vocab_size >= len(tokenizer)
    assert tokenizer.apply_chat_template([{"role": "user", "content": "Hello"}], tokenize=False)
    assert not list(dummy.glob("*.safetensors"))


def test_the_larger_one_is_of_seven_to_nine_thousand_million_weights(tmp_path: Path) -> None:
    larger = write_dummy(SHAPES["llama-8b"], default_tokenizer(), tmp_path / "large")
    assert 7e9 < parameters_of(larger) < 9e9


def test_adapters_of_random_weights_are_such_as_peft_takes_and_differ(dummy: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoConfig, AutoModelForCausalLM

    made = write_adapters(dummy, 2, 4, tmp_path)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(dummy))
    tokens = torch.tensor([[1, 2, 3]])
    said = [model(tokens).logits]
    for folder in made.values():
        tuned = PeftModel.from_pretrained(model, folder)
        assert not tuned.peft_config["default"].inference_mode or tuned.peft_config["default"].r == 4
        said.append(tuned(tokens).logits)
        model = tuned.unload()
    assert not torch.allclose(said[0], said[1])
    assert not torch.allclose(said[1], said[2])


def test_each_number_of_adapters_has_a_vllm_with_room_for_them(tmp_path: Path) -> None:
    arguments = read_arguments(["--device", "cuda", "--models", "llama-tiny", "--adapters", "0,2"])
    models = make_models(arguments.models, tmp_path, default_tokenizer())
    none, two = plan(arguments, models, tmp_path)
    assert none.command(cuda=True)[-3:] == ["--no-enable-lora", "--load-format", "dummy"]
    assert none.names == ("base",)
    command = two.command(cuda=True)
    assert command[command.index("--max-loras") + 1] == "2"
    assert "--no-enable-lora" not in command
    assert two.names == ("adapter-0", "adapter-1")
    assert all((folder / "adapter_config.json").exists() for folder in two.settings.adapters.values())


def test_a_gpu_is_asked_for_more_than_a_processor() -> None:
    gpu, cpu = (read_arguments(["--device", name]) for name in ("cuda", "cpu"))
    assert [load.concurrent for load in loads(gpu)] == [1, 4, 16, 64, 256]
    assert loads(gpu)[-1] == Load(256, 512, 128)
    assert max(load.requests for load in loads(cpu)) <= 8
    assert gpu.models == ["default", "llama-8b"]


def test_the_command_of_a_result_is_read_as_it_was_given() -> None:
    given = ["--device", "cpu", "--adapters", "0,3", "--engine-args", "--max-num-seqs 4"]
    command = command_of(read_arguments(given))
    assert command.endswith("--device cpu --adapters 0,3 --engine-args '--max-num-seqs 4'")


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(SystemExit):
        read_arguments(["--models", "llama-9000"])


def test_a_dry_run_shows_the_plan_and_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(adapters_serving, "prepare_model", lambda *_: default_tokenizer())
    monkeypatch.chdir(tmp_path)  # no engine is here, so vLLM's parser is not asked
    adapters_serving.main(["--dry-run", "--device", "cuda", "--models", "llama-tiny", "--adapters", "0,1"])
    shown = capsys.readouterr().out
    assert shown.count("--load-format dummy") == 2
    assert "# 256 at a time: 512 requests of 4 passages, 128 tokens each" in shown
    assert "not read by vLLM's parser" in shown


def test_a_dry_run_of_the_training_counts_its_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, base = make_tiny_set(tmp_path / "set"), make_tiny_base(tmp_path / "base")
    words = ["--dry-run", "--device", "cuda", "--set", str(given), "--base", str(base), "--examples", "5"]
    training.main(words)
    counted, command, *_ = capsys.readouterr().out.splitlines()
    assert counted.startswith("# 5 examples, ")
    assert command.endswith("--examples 5 --device cuda")


def test_every_prompt_is_another_and_ends_with_its_question() -> None:
    asked = list(prompts(20, 2, seed=1))
    assert len({json.dumps(one) for one in asked}) == 20
    assert all("Question: " in one[-1]["content"] for one in asked)
    assert asked == list(prompts(20, 2, seed=1))


async def test_a_load_goes_round_the_models_and_is_timed() -> None:
    fake_engine.bodies.clear()
    transport = httpx.ASGITransport(fake_engine.app)
    async with httpx.AsyncClient(transport=transport) as http:
        figures = await measure(http, "http://engine", ("a", "b"), list(prompts(6, 1, seed=0)), Load(3, 6, 8))
    assert [body["model"] for body in fake_engine.bodies] == ["a", "b"] * 3
    assert (figures["requests"], figures["failed"], figures["tokens"]) == (6, 0, 6)
    assert 0 < figures["first_token_ms_p50"] <= figures["first_token_ms_p95"]


async def test_a_load_that_nobody_answers_is_no_figure() -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(500))) as http:
        with pytest.raises(SystemExit, match="500"):
            await measure(http, "http://engine", ("a",), list(prompts(2, 1, seed=0)), Load(2, 2, 8))


def test_results_of_a_gpu_stand_under_its_name_and_those_of_a_processor_beside_the_others() -> None:
    read = read_devices("NVIDIA H200, 580.1\nNVIDIA H200, 580.1\n")
    assert read == Device("NVIDIA H200", "580.1", 2)
    assert read.folder == RESULTS / "gpu" / "nvidia-h200"
    assert Device("AMD EPYC").folder == RESULTS
    with pytest.raises(ValueError, match="nothing"):
        read_devices("\n")
