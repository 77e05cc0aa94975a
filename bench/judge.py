"""What the bundled model is worth as a judge: its agreement with people, its steadiness, and what sways it.

    python -m bench.judge [--limit 30] [--again 24] [--answer-tokens 96] [--address URL --model NAME]

The bundled judged answers, by `tandem eval judge`'s own path: two measures of Ragas whose replies are short, of
groundedness and accuracy, beside the labels; asked again; and pairs of answers in both orders. With `--address` another judge is measured. Needs vLLM
otherwise: its environment is that of the setting engine.python.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.overhead import free_port
from bench.served import tandem_up
from eval.judging.figures import JudgeFigures
from eval.judging.judge import open_judge
from eval.judging.judging import judge_the_judge
from eval.judging.labelled import bundled_cases, groups_of
from eval.judging.trust import keep_figures, trust_of
from tandem.cli.judging import print_figures
from tandem.settings import JudgeSettings, Settings, read_settings

_RESULT = Path(__file__).parent / "results" / "judge.json"
_MEASURES = ("response_groundedness", "answer_accuracy")


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--limit", type=int, default=30, help="questions, each with all its answers")
    parser.add_argument("--again", type=int, default=24, help="answers that are asked about twice")
    parser.add_argument("--answer-tokens", type=int, default=96, help="longest reply of the judge")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--address", help="OpenAI-compatible URL with its /v1; else the bundled model")
    parser.add_argument("--model")
    parser.add_argument("--out", type=Path, default=_RESULT)
    wanted = parser.parse_args()
    judge = JudgeSettings(
        answer_tokens=wanted.answer_tokens, at_once=wanted.at_once, address=wanted.address, model=wanted.model
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = read_settings().model_copy(update={"data_dir": folder, "judge": judge})
        if wanted.address is None:
            port = free_port()
            stack.enter_context(tandem_up(folder, {"TANDEM_ENGINE__PORT": str(port)}))
            engine = settings.engine.model_copy(update={"address": f"http://127.0.0.1:{port}"})
            settings = settings.model_copy(update={"engine": engine})
        figures = asyncio.run(_measure(settings, wanted.limit, wanted.again))
        keep_figures(figures, folder)
        trust = trust_of(figures.judge, settings)
        print_figures(figures, trust)
    told = _without_this_run(figures)
    verdict = {"trusted": trust.trusted, "faults": list(trust.faults)}
    command = " ".join(["python -m bench.judge", *sys.argv[1:]])
    report = {"command": command, "machine": machine()} | told | verdict
    wanted.out.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")


async def _measure(settings: Settings, limit: int, again: int) -> JudgeFigures:
    cases = [case for group in groups_of(bundled_cases())[:limit] for case in group]
    judge = open_judge(settings)
    try:
        return await judge_the_judge(judge, cases, measures=_MEASURES, again=again, moved=_tell)
    finally:
        await judge.close()


def _tell(step: str, done: int, total: int) -> None:
    if done % 10 == 0 or done == total:
        print(f"{step}: {done} of {total}", file=sys.stderr, flush=True)


def _without_this_run(figures: JudgeFigures) -> dict[str, Any]:
    """Without the folder and the port that this run happened to have."""
    told = figures.model_dump(exclude={"measured_at"})
    told["judge"] = {"model": figures.judge.model, "prompts": figures.judge.prompts}
    return told


if __name__ == "__main__":
    main()
