"""A gate lets through what is shown not to be worse, and says what it lacks."""

from typing import Literal

import numpy as np
import pytest

from eval.case import EvalCase
from eval.gate import GateCheck, GateResult, check_measures, standing_of, usual_tolerances
from eval.gate_words import check_line, headline, markdown
from eval.measure import Measure, Scores, Stage, Unit
from tandem.errors import InvalidRequestError
from tandem.noninferiority import Standing


def measure(
    name: str = "token_f1", unit: Unit = "share", better: Literal["higher", "lower", "neither"] = "higher"
) -> Measure:
    return Measure(name, f"The {name}", Stage.GENERATION, "It says.", unit, better)


F1, UNKNOWN = measure(), measure("unknown_answerable", better="lower")


def scores(values: list[float], of: Measure = F1, failed: int = 0) -> Scores:
    """Of cases q000 and so on; the last so many failed."""
    named = {f"q{n:03}": value for n, value in enumerate(values)}
    lost = list(named)[len(named) - failed :]
    return Scores(of, {k: v for k, v in named.items() if k not in lost}, dict.fromkeys(lost, "timeout"))


def checked(ours: Scores, theirs: Scores, tolerance: float = 0.02, **options) -> GateCheck:
    name = ours.measure.name
    (one,) = check_measures({name: ours}, {name: theirs}, {name: tolerance}, **options)
    return one


def result(*checks: GateCheck) -> GateResult:
    return GateResult(
        standing=standing_of(checks),
        baseline="rag@aaaa",
        candidate="mine@bbbb",
        eval_set="depot@3",
        run="0123456789abcdef",
        checks=checks,
        warnings=("2 of 9 questions to mine failed: timeout",),
    )


def test_what_is_the_same_passes_where_there_are_enough_questions() -> None:
    same = [1.0, 0.5, 0.0, 0.25] * 60
    enough = checked(scores(same), scores(same))
    assert (enough.standing, enough.cases, enough.baseline, enough.candidate) == ("pass", 240, 0.4375, 0.4375)
    few = checked(scores(same[:40]), scores(same[:40]))
    assert few.standing is Standing.CANNOT_TELL  # 40 equal answers do not rule out that 2 in 100 differ
    assert few.needed is not None
    assert 40 < few.needed < 600
    assert few.tellable is not None
    assert few.tellable > 0.02
    assert checked(scores(same[:40]), scores(same[:40]), 0.1).standing is Standing.PASS


def test_so_many_questions_as_it_names_are_enough() -> None:
    rng = np.random.default_rng(4)

    def alike(cases: int) -> GateCheck:
        one, other = np.where(rng.random((2, cases)) < 0.4, rng.beta(0.8, 1.2, (2, cases)), 0.0)
        return checked(scores(one.tolist()), scores(other.tolist()), 0.1)

    needed = alike(60).needed
    assert needed is not None
    assert needed > 60
    passed = [alike(needed).standing for _ in range(60)].count(Standing.PASS)
    assert passed / 60 == pytest.approx(0.8, abs=0.15)


def test_a_loss_is_worse_and_a_rise_of_what_should_be_low_too() -> None:
    lost = checked(scores([1.0] * 60 + [0.0] * 60), scores([1.0] * 120))
    assert lost.standing is Standing.WORSE
    assert lost.difference is not None
    assert lost.difference.mean == -0.5
    shy = checked(scores([1.0] * 60 + [0.0] * 60, UNKNOWN), scores([0.0] * 120, UNKNOWN), 0.05)
    assert shy.standing is Standing.WORSE
    bold = checked(scores([0.0] * 120, UNKNOWN), scores([1.0] * 60 + [0.0] * 60, UNKNOWN), 0.05)
    assert bold.standing is Standing.PASS


def test_of_seconds_the_tolerance_is_a_share_of_the_baselines() -> None:
    seconds = measure("seconds", "seconds", "lower")
    rng = np.random.default_rng(2)
    theirs = rng.normal(2.0, 0.05, 50)
    ours = theirs * 1.05 + rng.normal(0, 0.01, 50)
    found = checked(scores(ours.tolist(), seconds), scores(theirs.tolist(), seconds), 0.1)
    assert found.standing is Standing.PASS
    assert found.tolerance == pytest.approx(0.2, rel=0.02)
    assert checked(scores(ours.tolist(), seconds), scores(theirs.tolist(), seconds), 0.01).standing == "worse"


def test_failures_that_could_turn_it_leave_it_open() -> None:
    good, same = scores([1.0] * 200, failed=1), scores([1.0] * 200)
    assert checked(good, same, 0.05).standing is Standing.PASS
    many = checked(scores([1.0] * 200, failed=20), same, 0.05)
    assert (many.standing, many.doubtful, many.failed) == (Standing.CANNOT_TELL, True, 20)
    assert "could turn it; ask again" in check_line(many)
    none = checked(scores([1.0] * 9, failed=9), scores([1.0] * 9))
    assert (none.standing, none.difference, none.failed) == (Standing.CANNOT_TELL, None, 9)
    assert "9 failed" in check_line(none)


def test_questions_of_one_document_prove_less() -> None:
    rng = np.random.default_rng(3)
    drift = np.repeat(rng.choice([-0.2, 0.2], 20), 20)
    ours, theirs = scores((0.5 + drift / 2).tolist()), scores((0.5 - drift / 2).tolist())
    clusters = {f"q{n:03}": f"d{n // 20}" for n in range(400)}
    alone, together = checked(ours, theirs, 0.05), checked(ours, theirs, 0.05, clusters=clusters)
    assert together.clusters == 20
    assert alone.difference is not None
    assert together.difference is not None
    assert together.difference.low < alone.difference.low
    assert together.needed > alone.needed


def test_all_measures_must_pass() -> None:
    right, shy = scores([1.0] * 240), scores([0.0] * 240, UNKNOWN)
    more_shy = scores([1.0] * 60 + [0.0] * 180, UNKNOWN)
    checks = check_measures(
        {"token_f1": right, "unknown_answerable": more_shy},
        {"token_f1": right, "unknown_answerable": shy},
        {"token_f1": 0.02, "unknown_answerable": 0.05},
    )
    assert [one.standing for one in checks] == ["pass", "worse"]
    assert standing_of(checks) is Standing.WORSE


def test_what_cannot_be_decided_by_is_refused() -> None:
    there, nothing = scores([1.0] * 9), Scores(F1, passed_over={"q000": "no reference"})
    with pytest.raises(InvalidRequestError, match="no value for the candidate") as refused:
        checked(nothing, there)
    assert "no reference" in str(refused.value.hint)
    with pytest.raises(InvalidRequestError, match="no value for the baseline"):
        check_measures({"token_f1": there}, {}, {"token_f1": 0.02})
    tokens = measure("tokens_out", "tokens", "neither")
    with pytest.raises(InvalidRequestError, match="neither"):
        checked(scores([1.0] * 9, tokens), scores([1.0] * 9, tokens))


def test_what_is_usual_follows_the_set() -> None:
    asked = EvalCase(id="1", question="When?", references=("At seven",))
    labelled = EvalCase(id="2", question="Is it?", references=("It is",), documents=("a.md",), label="yes")
    hopeless = EvalCase(id="3", question="Why?", answerable=False)
    assert usual_tolerances([asked], without=False) == {"token_f1": 0.02, "unknown_answerable": 0.05}
    assert list(usual_tolerances([labelled], without=True)) == [
        "accuracy",
        "unknown_answerable",
        "unknown_unanswerable",
    ]
    marked = labelled.model_copy(update={"elsewhere": True})
    assert "unknown_unanswerable" not in usual_tolerances([asked, marked], without=True)
    assert "unknown_unanswerable" in usual_tolerances([asked, hopeless], without=False)
    assert list(usual_tolerances([hopeless], without=False)) == ["unknown_unanswerable"]


def test_it_says_in_words_what_it_found_and_what_would_help() -> None:
    few = checked(scores([1.0, 0.0] * 20), scores([0.0, 1.0] * 20))
    line = check_line(few)
    assert line.startswith("The token_f1: cannot tell; 50.0% against 50.0%, +0.0 [-")
    assert "over 40 questions, allowed -2.0" in line
    assert f"it takes about {few.needed} questions" in line
    assert "these could with a tolerance of" in line
    assert "these could" not in check_line(checked(scores([1.0] * 4), scores([1.0] * 4)))
    worse = checked(scores([0.0] * 99), scores([1.0] * 99))
    assert "allowed" in check_line(worse)
    assert "it takes" not in check_line(worse)
    found = result(few, worse)
    assert headline(found) == "mine@bbbb beside rag@aaaa on depot@3: worse, the candidate is worse"
    page = markdown(found)
    assert page.startswith("## Tandem's gate: worse\n")
    assert page.count("\n| The token_f1 |") == 2
    assert "timeout" in page
    assert found.needed == few.needed
    assert GateResult.model_validate_json(found.model_dump_json()) == found
    assert "no number of questions" in check_line(checked(scores([1.0] * 50), scores([1.0] * 50), 0.0))
