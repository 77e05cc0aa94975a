import pytest

from eval.report import kind_of


@pytest.mark.parametrize(
    ("retrieves", "adapter", "shows_how", "kind"),
    [
        (False, None, False, "base"),
        (False, None, True, "prompted"),
        (True, None, False, "rag"),
        (True, None, True, "rag"),
        (False, "covidqa@1", True, "tuned"),
        (True, "covidqa@1", False, "hybrid"),
    ],
)
def test_an_arm_is_of_the_kind_of_what_it_has(retrieves, adapter, shows_how, kind) -> None:
    assert kind_of(retrieves=retrieves, adapter=adapter, shows_how=shows_how) == kind
