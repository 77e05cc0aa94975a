"""The operators that Tandem gives to vLLM's CPU build, against the formula; the e2e tests run them in vLLM."""

import sys
from importlib.metadata import entry_points

import pytest
import torch

from tandem.engine.launch import PLUGIN_DIR

ROWS, SLOTS, INPUT, RANK, OUTPUT = 7, 3, 11, 4, 9
OF_ROW = torch.tensor([2, 2, -1, 0, -1, -1, 1])
"""The last slot first, rows of no adapter between, as base model and adapters share a batch."""
STARTS = torch.tensor([0, 2, 3, 4, 6])
LENGTHS = torch.tensor([2, 1, 1, 2, 1])
OF_RUN = torch.tensor([2, -1, 0, -1, 1])


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(PLUGIN_DIR))
    import tandem_vllm_plugin

    yield tandem_vllm_plugin
    del sys.modules["tandem_vllm_plugin"]


@pytest.fixture
def numbers() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "inputs": torch.randn(ROWS, INPUT, dtype=torch.bfloat16),
        "down": torch.randn(SLOTS, 1, RANK, INPUT, dtype=torch.bfloat16),
        "up": torch.randn(SLOTS, 1, OUTPUT, RANK, dtype=torch.bfloat16),
        "shrunk": torch.randn(ROWS, RANK),
        "before": torch.randn(ROWS, OUTPUT + 5),
    }


def shrunk(numbers: dict[str, torch.Tensor], scale: float) -> torch.Tensor:
    rows = [
        scale * numbers["down"][slot, 0].float() @ numbers["inputs"][row].float()
        if slot >= 0
        else torch.zeros(RANK)
        for row, slot in enumerate(OF_ROW.tolist())
    ]
    return torch.stack(rows)


def expanded(numbers: dict[str, torch.Tensor], offset: int, add: bool) -> torch.Tensor:
    result = numbers["before"].clone()
    for row, slot in enumerate(OF_ROW.tolist()):
        if slot >= 0:
            product = numbers["up"][slot, 0].float() @ numbers["shrunk"][row]
            part = result[row, offset : offset + OUTPUT]
            part.copy_(part + product if add else product)
    return result


@pytest.mark.parametrize("by_run", [True, False])
def test_rows_of_no_adapter_are_left_alone_when_shrunk(plugin, numbers, by_run: bool) -> None:
    output = torch.zeros(ROWS, RANK)
    if by_run:
        plugin.sgmv_shrink(
            numbers["inputs"], numbers["down"], output, STARTS, LENGTHS, OF_RUN, 5, 2, ROWS, 0.5
        )
    else:
        plugin.bgmv_shrink(numbers["inputs"], numbers["down"], output, OF_ROW, 0.5)
    torch.testing.assert_close(output, shrunk(numbers, 0.5), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("add", [True, False])
@pytest.mark.parametrize("offset", [0, 3])
@pytest.mark.parametrize("by_run", [True, False])
def test_rows_of_no_adapter_are_left_alone_when_expanded(
    plugin, numbers, by_run: bool, offset: int, add: bool
) -> None:
    output = numbers["before"].clone()
    start = (numbers["shrunk"], numbers["up"], output)
    metadata = (STARTS, LENGTHS, OF_RUN, 5, 2, ROWS)
    if by_run and offset:
        plugin.sgmv_expand_slice(*start, *metadata, offset, OUTPUT, add)
    elif by_run:
        plugin.sgmv_expand(*start, *metadata, add)
    elif offset:
        plugin.bgmv_expand_slice(*start, OF_ROW, offset, OUTPUT, add)
    else:
        plugin.bgmv_expand(*start, OF_ROW, add)
    torch.testing.assert_close(output, expanded(numbers, offset, add), rtol=1e-5, atol=1e-5)


def test_a_padded_vocabulary_is_cut(plugin, numbers) -> None:
    output = numbers["before"][:, : OUTPUT - 2].clone()
    plugin.bgmv_expand(numbers["shrunk"], numbers["up"], output, OF_ROW, True)
    torch.testing.assert_close(output, expanded(numbers, 0, True)[:, : OUTPUT - 2], rtol=1e-5, atol=1e-5)


def test_vllm_finds_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PLUGIN_DIR))
    (found,) = entry_points(group="vllm.general_plugins", name="tandem_cpu_lora")
    assert found.value == "tandem_vllm_plugin:register"
    assert callable(found.load())
    del sys.modules["tandem_vllm_plugin"]
