"""Base and adapter as one model."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from tiny_adapter import facts_of, tiny_adapter, tiny_base
from transformers import AutoModelForCausalLM

from tandem.adapters import AdapterRegistry
from tandem.adapters.merging import merge_adapter
from tandem.errors import ConflictError, InvalidRequestError

TOKENS = torch.arange(12).reshape(2, 6)


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(TOKENS).logits.float()


def _silent(step: str) -> None:
    pass


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"target_modules": "all-linear", "use_rslora": True},
        {"use_dora": True},
        {"modules_to_save": ["norm"]},
    ],
)
def test_the_merged_model_says_what_base_and_adapter_say(
    here: AdapterRegistry, base: Path, tmp_path: Path, options: dict[str, object]
):
    folder = tiny_adapter(base, tmp_path / "tuned", **options)
    made = here.register(folder, name="mine", facts=facts_of(base), author="ada", base=base)
    (base / "tokenizer_config.json").write_text("{}")
    (base / "chat_template.jinja").write_text("{{ messages }}")
    merge_adapter(here, made, base, tmp_path / "merged", _silent)
    tuned = logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder))
    plain = logits(AutoModelForCausalLM.from_pretrained(base))
    merged = logits(AutoModelForCausalLM.from_pretrained(tmp_path / "merged"))
    assert torch.allclose(merged, tuned, atol=1e-4)
    assert not torch.allclose(merged, plain, atol=1e-2)
    names = {one.name for one in (tmp_path / "merged").iterdir()}
    assert {"README.md", "chat_template.jinja", "tokenizer_config.json", "model.safetensors"} <= names
    assert str(base) not in (tmp_path / "merged" / "config.json").read_text()


def test_a_model_in_half_precision_stays_one(here: AdapterRegistry, tmp_path: Path):
    base = tiny_base(tmp_path / "half", dtype=torch.bfloat16)
    folder = tiny_adapter(base, tmp_path / "tuned")
    made = here.register(folder, name="mine", facts=facts_of(base), author="ada", base=base)
    merge_adapter(here, made, base, tmp_path / "merged", _silent)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto")
    assert merged.dtype == torch.bfloat16
    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), folder)
    assert torch.allclose(logits(merged), logits(tuned), atol=0.1)


def test_another_base_is_refused_and_nothing_is_written(
    here: AdapterRegistry, base: Path, adapter: Path, tmp_path: Path
):
    made = here.register(adapter, name="mine", facts=facts_of(base), author="ada")
    other = tiny_base(tmp_path / "other", seed=7)
    with pytest.raises(InvalidRequestError, match="another base"):
        merge_adapter(here, made, other, tmp_path / "merged", _silent)
    assert not (tmp_path / "merged").exists()


def test_a_folder_that_is_there_is_not_written_into(
    here: AdapterRegistry, base: Path, adapter: Path, tmp_path: Path
):
    made = here.register(adapter, name="mine", facts=facts_of(base), author="ada")
    (tmp_path / "merged").mkdir()
    with pytest.raises(ConflictError):
        merge_adapter(here, made, base, tmp_path / "merged", _silent)
    assert list((tmp_path / "merged").iterdir()) == []
