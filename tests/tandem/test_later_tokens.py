"""A model's folder that is filled after the start."""

import shutil
from pathlib import Path

import pytest
from model_tokens import default_tokenizer, default_tokens

from tandem.later_tokens import LaterTokens, tokens_of
from tandem.tokens import EstimatedTokens, OwnTokens

ASKED = [{"role": "user", "content": "When does the gate close?"}]
ODD = "before <repo_name> after"  # special to the default model, and not among the well-known ones


def _fill(link: Path) -> None:
    """As `tandem models prepare --link` does: the folder is whole when its name is there."""
    whole = link.with_name("whole")
    shutil.copytree(default_tokenizer(), whole)
    link.symlink_to(whole.name)


def test_an_estimate_becomes_the_models_own_count_once_the_folder_is_filled(tmp_path: Path) -> None:
    tokens = LaterTokens(tmp_path / "serving")
    tokens.look()
    assert (tokens.waits, tokens.exact, tokens.reply) == (True, False, "")
    assert tokens.count_chat(ASKED) == EstimatedTokens().count_chat(ASKED)
    assert tokens.plain(ODD) == ODD
    _fill(tmp_path / "serving")
    assert tokens.waits, "nothing changes but by a look"
    tokens.look()
    own = default_tokens()
    assert (tokens.waits, tokens.exact, tokens.reply) == (False, True, own.reply)
    assert tokens.count_chat(ASKED) == own.count_chat(ASKED)
    assert tokens.count(ODD) == own.count(ODD)
    assert tokens.plain(ODD) == own.plain(ODD) != ODD


def test_what_is_known_is_not_read_again(tmp_path: Path) -> None:
    _fill(tmp_path / "serving")
    tokens = LaterTokens(tmp_path / "serving")
    (tmp_path / "serving").unlink()
    tokens.look()
    assert tokens.exact


@pytest.mark.parametrize("filled", [True, False])
def test_only_a_folder_that_is_named_and_empty_is_waited_for(tmp_path: Path, filled: bool) -> None:
    if filled:
        _fill(tmp_path / "serving")
    kind = type(tokens_of(None, tmp_path / "serving"))
    assert kind is (OwnTokens if filled else LaterTokens)
    assert isinstance(tokens_of(None, None), EstimatedTokens)
    assert isinstance(tokens_of(default_tokenizer(), tmp_path / "serving"), OwnTokens)
