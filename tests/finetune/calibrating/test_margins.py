"""The margin of the first token of "I don't know.", and where it is noted."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from finetune.calibrating import Asked, Weighed, calibrate, margins_of, note, require_trained
from finetune.training import BaseModel
from tandem.abstention import ABSTENTION, abstaining_of
from tandem.errors import InvalidRequestError, NotFoundError

ASKED = [
    Asked(str(n), ({"role": "user", "content": f"{words}\n\nWhat?"},), 0.5, answerable=True, question=str(n))
    for n, words in enumerate(("water pump", "steel pipe and copper", "frost"))
]


def test_it_is_that_of_the_tuned_model_as_peft_runs_it(tiny: BaseModel, run: Path) -> None:
    token, margins = margins_of(run, tiny, ASKED, lambda *_: None, "cpu")
    tokenizer = AutoTokenizer.from_pretrained(tiny.folder)
    assert token == tokenizer(ABSTENTION, add_special_tokens=False)["input_ids"][0]
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32), run
    ).eval()
    for one, margin in zip(ASKED, margins, strict=True):
        text = tokenizer.apply_chat_template(list(one.messages), tokenize=False, add_generation_prompt=True)
        with torch.no_grad():
            logits = model(**tokenizer(text, return_tensors="pt", add_special_tokens=False)).logits[0, -1]
        others = logits.clone()
        others[token] = -torch.inf
        assert margin == pytest.approx((logits[token] - others.max()).item(), abs=1e-3)


def test_it_is_noted_among_the_metrics_and_all_else_stays(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    before = require_trained(copy)
    seen = [Weighed(n % 7 - 3.0 + 2 * (n % 2), 0.5, not n % 2, str(n // 2)) for n in range(80)]
    found = calibrate(57, seen, 0.15)
    note(copy, found)
    after = require_trained(copy)
    assert abstaining_of(after["metrics"]) == found.abstaining
    assert after["metrics"].pop("abstaining")["answerable"] == 40
    assert after == before


def test_an_adapter_of_another_base_is_refused(tiny: BaseModel, run: Path) -> None:
    with pytest.raises(InvalidRequestError, match="another base"):
        margins_of(run, replace(tiny, sha256="ef" * 32), ASKED, lambda *_: None, "cpu")


def test_a_folder_without_a_finished_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no finished training"):
        require_trained(tmp_path)
    (tmp_path / "training.json").write_text(json.dumps([1]))
    with pytest.raises(InvalidRequestError, match="parameters"):
        require_trained(tmp_path)
