"""A rule that makes no sense is refused with the reason; the built-in ones make sense."""

from pathlib import Path

import pytest

from tandem.errors import InvalidRequestError, SettingsError
from tandem.monitoring.builtin_rules import BUILTIN_RULES
from tandem.monitoring.rule_file import read_rules, rule_of

USUAL = {"name": "slow", "metric": "first_token_p95_ms", "above": 2_000}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"above": None}, "one of above, below and worse_by"),
        ({"below": 1}, "one of above, below and worse_by"),
        ({"scope": "nobody"}, "scope is"),
        ({"above": None, "worse_by": 0.1}, "champion or experiments"),
        ({"metric": "drift_alarms", "scope": "champion"}, "scope all"),
        (
            {"above": None, "worse_by": 0.1, "scope": "champion", "metric": "tokens_per_hour"},
            "compared with nothing",
        ),
        ({"intervention": "rollback"}, "goes with the scope champion"),
        ({"intervention": "stop_experiment"}, "goes with the scope experiments"),
        ({"name": "Slow Answers"}, "name"),
        ({"metric": "beauty"}, "metric"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        rule_of({**USUAL, **changes})


def test_built_in_rules_have_names_of_their_own_and_only_comparisons_roll_back() -> None:
    assert len({rule.name for rule in BUILTIN_RULES}) == len(BUILTIN_RULES)
    for rule in BUILTIN_RULES:
        if rule.intervention == "rollback":
            assert rule.worse_by is not None, rule.name


def test_rules_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rules]]\nname = "dear"\nmetric = "tokens_per_hour"\nabove = 1e6\nleast = 0\n')
    (rule,) = read_rules(file)
    assert (rule.name, rule.above, rule.scope) == ("dear", 1e6, "all")


@pytest.mark.parametrize(
    "text",
    [
        "rules = 3",
        "[[rules]]\nname = 'x'",
        "not toml",
        "[other]\na = 1",
        "[[rules]]\nname='a'\nmetric='failed_share'\nabove=1\n[[rules]]\nname='a'\nmetric='failed_share'\nabove=1",
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_setting(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_rules(file)
    assert refused.value.param == "alerts.rules"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        read_rules(tmp_path / "none.toml")
