"""The gate with everything real: two recipes asked through vLLM, and the exit codes that a CI job sees."""

import json
import subprocess

import pytest
from running import tandem_command

FACTS = {
    "How often must the sluice of Weir Ten be greased?": "every second Friday",
    "Who keeps the key of Weir Ten?": "the miller of Hallbrück",
    "What colour is the gauge of Weir Ten?": "dark green",
    "In which year was Weir Ten built?": "1874",
}


@pytest.fixture(scope="module")
def gated(tandem, tmp_path_factory):
    """Runs a command beside the server, with what measuring needs."""
    folder = tmp_path_factory.mktemp("gate")
    text = (
        "# Weir Ten\n\nThe sluice of Weir Ten must be greased every second Friday. The miller of Hallbrück keeps the "
        "key of Weir Ten. The gauge of Weir Ten is dark green. Weir Ten was built in 1874.\n"
    )
    (folder / "weir-ten.md").write_text(text)
    cases = [
        {"id": f"weir-{n}", "question": question, "references": [answer], "documents": ["weir-ten.md"]}
        for n, (question, answer) in enumerate(FACTS.items())
    ]
    # Each is asked twice: what differs must be seen in eight answers.
    cases += [case | {"id": f"{case['id']}-again"} for case in cases]
    (folder / "weirs.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return tandem_command(*arguments, environment=tandem.environment)

    for made in (
        ("ingest", str(folder / "weir-ten.md"), "--corpus", "weir-ten"),
        ("eval", "sets", "import", str(folder / "weirs.jsonl"), "--name", "weir-ten"),
        ("recipes", "save", "weir-alike", "--from", "rag", "--max-tokens", "48"),
        ("recipes", "save", "weir-closed", "--from", "base", "--max-tokens", "24"),
    ):
        done = command(*made)
        assert done.returncode == 0, done.stderr
    return command


def test_ci_sees_by_the_exit_code_whether_a_candidate_is_worse_or_there_are_too_few_questions(gated) -> None:
    usual = ("--set", "weir-ten", "--corpus", "weir-ten", "--tolerance", "contains=0.05", "--json")
    worse = gated("eval", "gate", "--baseline", "weir-alike", "--candidate", "weir-closed", *usual)
    assert worse.returncode == 1, worse.stdout + worse.stderr
    assert json.loads(worse.stdout)["standing"] == "worse"

    limited = (*usual, "--limit", "4")
    too_few = gated("eval", "gate", "--baseline", "rag", "--candidate", "weir-alike", *limited)
    assert too_few.returncode == 2, too_few.stdout + too_few.stderr
    found = json.loads(too_few.stdout)
    assert found["standing"] == "cannot tell"
    assert found["needed"] > 4


def test_a_recipe_that_is_worse_is_not_promoted(gated) -> None:
    before = json.loads(gated("recipes", "champion", "--json").stdout)["champion"]
    refused = gated(
        "recipes",
        "promote",
        "weir-closed",
        "--gate",
        "weir-ten",
        "--corpus",
        "weir-ten",
        "--tolerance",
        "contains=0.05",
    )
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "contains" in refused.stdout.lower() or "holds" in refused.stdout.lower()
    assert json.loads(gated("recipes", "champion", "--json").stdout)["champion"] == before
