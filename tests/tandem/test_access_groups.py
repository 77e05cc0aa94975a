"""Names of access groups, and what a command says of them."""

from dataclasses import replace

import pytest

from tandem.access_groups import check_own, checked_groups, is_group
from tandem.cli.options import named_groups
from tandem.errors import ForbiddenError, InvalidRequestError
from tandem.vocabulary import Caller


@pytest.mark.parametrize("name", ["legal", "a", "Legal and HR", "ärzte", "x" * 200, "a,b/c"])
def test_a_plain_name_is_a_group(name: str) -> None:
    assert is_group(name)


@pytest.mark.parametrize("name", ["", " ", "*", " legal", "legal ", "a\nb", "a\x00b", "x" * 201])
def test_a_name_that_could_be_misread_is_none(name: str) -> None:
    assert not is_group(name)
    with pytest.raises(InvalidRequestError):
        checked_groups(["legal", name])


def test_groups_are_sorted_each_once_and_not_too_many() -> None:
    assert checked_groups(["b", "a", "b"]) == ("a", "b")
    with pytest.raises(InvalidRequestError, match="100"):
        checked_groups([f"g{n}" for n in range(101)])


def test_who_has_groups_names_only_these() -> None:
    check_own(Caller(), ["any"])
    check_own(replace(Caller(), groups=("legal",)), ["legal"])
    with pytest.raises(ForbiddenError, match="hr"):
        check_own(replace(Caller(), groups=("legal",)), ["legal", "hr"])


def test_a_command_names_groups_or_everyone_or_nothing() -> None:
    assert named_groups(None, everyone=False) is None
    assert named_groups(["b", "a"], everyone=False) == ("a", "b")
    assert named_groups(None, everyone=True) == ()
    with pytest.raises(InvalidRequestError):
        named_groups(["a"], everyone=True)
