"""A gate's decision in words: for a terminal, for the history of champions, and for the page of a CI job."""

from eval.gate import GateCheck, GateResult
from tandem.noninferiority import Standing

_SAYS = {
    Standing.PASS: "may take its place",
    Standing.WORSE: "is worse",
    Standing.CANNOT_TELL: "cannot be told from one that is worse",
}


def headline(result: GateResult) -> str:
    """One sentence."""
    return (
        f"{result.candidate} beside {result.baseline} on {result.eval_set}: {result.standing}, "
        f"the candidate {_SAYS[result.standing]}"
    )


def check_line(check: GateCheck) -> str:
    """One measure: what was found, what is allowed, and what would help."""
    allowed = f"allowed {_signed(check, check.tolerance if check.lower_is_better else -check.tolerance)}"
    if check.difference is None:
        return (
            f"{check.title}: {check.standing}; both answered {check.cases} questions, {check.failed} failed"
        )
    found = check.difference
    line = (
        f"{check.title}: {check.standing}; {_plain(check, check.candidate)} against {_plain(check, check.baseline)}, "
        f"{_signed(check, found.mean)} [{_signed(check, found.low)}, {_signed(check, found.high)}] "
        f"over {check.cases} questions{_groups(check)}, {allowed}"
    )
    if check.failed:
        line += f"; {check.failed} failed{', and could turn it' if check.doubtful else ''}"
    return f"{line}; {advice}" if (advice := _advice(check)) else line


def markdown(result: GateResult) -> str:
    """For `$GITHUB_STEP_SUMMARY`."""
    rows = [
        f"| {check.title} | {_plain(check, check.baseline)} | {_plain(check, check.candidate)} | {_interval(check)} "
        f"| {_plain(check, check.tolerance)} | {check.cases}{_groups(check)} | {check.standing} |"
        for check in result.checks
    ]
    advice = [f"- {check.title}: {said}." for check in result.checks if (said := _advice(check))]
    lines = [
        f"## Tandem's gate: {result.standing}",
        "",
        f"`{result.candidate}` {_SAYS[result.standing]}: beside `{result.baseline}` on the eval set "
        f"`{result.eval_set}`.",
        "",
        "| measure | baseline | candidate | difference, 95% | tolerance | questions | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *rows,
        *(["", *advice] if advice else []),
        *(["", *(f"- {warning}" for warning in result.warnings)] if result.warnings else []),
        "",
        f"Every answer is kept in the run `{result.run}`.",
    ]
    return "\n".join(lines) + "\n"


def _advice(check: GateCheck) -> str:
    """What would decide it; nothing where it is decided."""
    if check.standing is not Standing.CANNOT_TELL or check.difference is None:
        return ""
    if check.doubtful:
        return "ask again those that failed"
    if check.needed is None:
        return "a tolerance of 0 asks for proof that it is better, which no number of questions promises"
    if check.needed <= check.cases:
        return "about as many questions again may decide it"
    told = f"it takes about {check.needed} questions to pass one that is as good"
    if check.tellable is None or (check.unit in ("share", "score") and check.tellable >= 1):
        return told  # so few tell nothing, whatever is tolerated
    return f"{told}; these could with a tolerance of {_plain(check, check.tellable)}"


def _interval(check: GateCheck) -> str:
    found = check.difference
    if found is None:
        return "-"
    return f"{_signed(check, found.mean)} [{_signed(check, found.low)}, {_signed(check, found.high)}]"


def _groups(check: GateCheck) -> str:
    return f" of {check.clusters} groups of documents" if check.clusters is not None else ""


def _plain(check: GateCheck, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f}%" if check.unit in ("share", "score") else f"{value:.4g} {check.unit}"


def _signed(check: GateCheck, value: float) -> str:
    """A difference: in points of a share, without their name, as in tables."""
    return f"{100 * value:+.1f}" if check.unit in ("share", "score") else f"{value:+.4g}"
