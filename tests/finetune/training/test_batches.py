"""Which examples a step learns from."""

import torch

from finetune.training.batches import examples_of_step, packed, row_of, share_of, steps_in_epoch
from finetune.training.encoding import EncodedExample

EXAMPLES = [EncodedExample(f"e{n}", tuple(range(n, n + 5 + n % 7)), 3) for n in range(23)]


def _epoch(epoch: int, seed: int) -> list[str]:
    steps = steps_in_epoch(len(EXAMPLES), 4)
    return [
        example.id
        for step in range(epoch * steps, (epoch + 1) * steps)
        for example in examples_of_step(EXAMPLES, step, 4, seed)
    ]


def test_an_epoch_has_every_example_once_in_an_order_of_its_own() -> None:
    everything = sorted(example.id for example in EXAMPLES)
    assert sorted(_epoch(0, 1)) == sorted(_epoch(1, 1)) == everything
    assert len({tuple(_epoch(epoch, seed)) for epoch in (0, 1) for seed in (1, 2)}) == 4


def test_the_order_follows_from_the_seed() -> None:
    assert _epoch(1, 5) == _epoch(1, 5)


def test_processes_share_a_step_without_gap_or_overlap() -> None:
    for processes in (1, 2, 3, 30):
        shares = [share_of(EXAMPLES, index, processes) for index in range(processes)]
        assert sorted(one.id for share in shares for one in share) == sorted(one.id for one in EXAMPLES)


def test_a_pack_holds_at_most_its_tokens_but_at_least_one_example() -> None:
    packs = packed(EXAMPLES, 20)
    assert sorted(one.id for pack in packs for one in pack) == sorted(one.id for one in EXAMPLES)
    assert all(sum(len(one.ids) for one in pack) <= 20 for pack in packs)
    assert [len(pack) for pack in packed(EXAMPLES, 0)] == [1] * len(EXAMPLES)


def test_a_row_predicts_each_answer_token_from_the_one_before() -> None:
    row = row_of(EXAMPLES[:3], torch.device("cpu"))
    whole = [token for example in EXAMPLES[:3] for token in example.ids]
    assert row.ids.tolist() == [whole]
    assert [whole[place + 1] for place in row.predicting.tolist()] == row.answers.tolist()
    assert row.answers.tolist() == [token for example in EXAMPLES[:3] for token in example.ids[3:]]
    assert row.places.tolist() == [[*range(5), *range(6), *range(7)]]
