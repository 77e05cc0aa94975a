"""How soon drift is seen, and how often it is seen where there is none: Tandem's looks beside other ways.

    python -m bench.drift [--data ../shared/data] [--seeds 20] [--quiet 240] [--shares 0 0.1 0.3 1] [--kept FILE]

CovidQA's questions are what is usual: 500 of them, drawn with replacement, are the reference. A stream of more
follows (`_STREAMS`), of which a share of 0, 10, 30 or 100% is of PubMedQA; all are searched for in CovidQA's articles by the
real embedder and retrieval. There is no model: a question abstains where its evidence is below the default's
`answer.evidence`, and there are no lengths of answers.

`delay` is the median over the seeds of the questions until the first alarm, and the share of seeds in which there
was one at all. `false alarms` are those at 0%: per 500 questions, which is what `drift.alarms` (1%) promises, with a
95% interval (percentile bootstrap over the streams, for the alarms of one stream come together), and the share of
streams with any. Every method but ADWIN looks each 100 questions at the newest 500, at the level of
`server.drift.comparing.level_of`; one of them alone has the whole level. ADWIN (Bifet and Gavaldà, SDM 2007) hears every
score in turn, the reference first, with its own `delta` of 0.002; what it says during the reference does not count.

With OPENBLAS_NUM_THREADS=1 it needs a fifth of the processor's time: the matrices are small.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from river.drift import ADWIN
from scipy.stats import mannwhitneyu

from bench.domains import Asked, asked_all
from bench.machine import machine
from server.drift.comparing import compare, level_of
from server.drift.sample import Sample
from server.drift.two_sample import kolmogorov_smirnov
from tandem.settings import AnswerSettings, DriftSettings

_RESULT = Path(__file__).parent / "results" / "drift.json"
_SEARCHED = "covidqa"
_STREAMS = {0.0: 4_000, 0.1: 3_000, 0.3: 500, 1.0: 200}
"""Questions of a stream, by the share that is of another domain."""
_SETTINGS = DriftSettings()
_LEVEL = level_of(_SETTINGS)
_STEP = _SETTINGS.window // _SETTINGS.looks
Alarms = dict[str, list[int]]
"""By method, the questions after which it alarmed."""


def main() -> None:
    """Simulate, print and keep the result."""
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument(
        "--quiet", type=int, default=240, help="streams without drift, which is rarely seen in any"
    )
    parser.add_argument("--shares", type=float, nargs="+", default=list(_STREAMS), choices=list(_STREAMS))
    parser.add_argument("--kept", type=Path, help="what the questions brought, from an earlier run")
    arguments = parser.parse_args()
    asked = asked_all(arguments.data, arguments.kept)
    usual = joined(asked, "covidqa dev", "covidqa rest")
    other = joined(asked, "pubmedqa a", "pubmedqa b")
    report = _begun(arguments)
    for share in arguments.shares:
        seeds = arguments.seeds if share else arguments.quiet
        runs = [_streamed(usual, other, share, seed) for seed in range(seeds)]
        report[_title(share)] = _judged(runs, share)
        print(share, json.dumps(report[_title(share)], indent=1), flush=True)
        _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _begun(arguments: argparse.Namespace) -> dict[str, Any]:
    """The report before its figures."""
    return {
        "command": f"python -m bench.drift --seeds {arguments.seeds} --quiet {arguments.quiet}",
        "machine": machine(),
        "settings": _SETTINGS.model_dump(include={"reference", "window", "looks", "alarms"}),
        "stream": {f"{share:.0%}": length for share, length in _STREAMS.items()},
    }


def _title(share: float) -> str:
    return f"{share:.0%} of another domain"


def joined(asked: dict[str, Asked], *names: str) -> Sample:
    """Questions of several sets, as answers would come to."""
    parts = [asked[name] for name in names]
    vectors = np.concatenate([part.vectors for part in parts])
    similarity = np.concatenate([np.nanmax(part.cosines[_SEARCHED], axis=1) for part in parts])
    return _sample(vectors, similarity, np.concatenate([part.evidence[_SEARCHED] for part in parts]))


def _sample(vectors: Any, similarity: Any, evidence: Any) -> Sample:
    now = datetime.now(UTC)
    scalars = {
        "similarity": similarity.tolist(),
        "evidence": evidence.tolist(),
        "abstained": (evidence < AnswerSettings().evidence).astype(float).tolist(),
    }
    return Sample(len(vectors), now, now, scalars, vectors, similarity, evidence, ())


def part(sample: Sample, places: Any) -> Sample:
    """Some of them, in this order."""
    return _sample(sample.vectors[places], sample.similarity[places], sample.evidence[places])


def _streamed(usual: Sample, other: Sample, share: float, seed: int) -> Alarms:
    rng = np.random.default_rng(seed)
    reference = part(usual, rng.integers(0, usual.size, _SETTINGS.reference))
    length = _STREAMS[share]
    ours, theirs = rng.integers(0, usual.size, length), rng.integers(0, other.size, length)
    foreign = rng.random(length) < share
    stream = _sample(
        np.where(foreign[:, None], other.vectors[theirs], usual.vectors[ours]),
        np.where(foreign, other.similarity[theirs], usual.similarity[ours]),
        np.where(foreign, other.evidence[theirs], usual.evidence[ours]),
    )
    found: Alarms = {name: [] for name in (*_METHODS, "tandem")}
    for end in range(_STEP, length + 1, _STEP):
        window = part(stream, np.arange(max(end - _SETTINGS.window, 0), end))
        findings = compare(reference, window, _LEVEL)
        if any(one.alarm for one in findings):
            found["tandem"].append(end)
        for one in findings:
            # Each series by itself, with the whole of the level.
            name = f"{one.series} alone"
            found.setdefault(name, [])
            if one.compared.p_value <= _LEVEL:
                found[name].append(end)
        for name, test in _METHODS.items():
            if test(reference, window) <= _LEVEL:
                found[name].append(end)
    for name, values in (("similarity", "similarity"), ("evidence", "evidence")):
        found[f"ADWIN on {name}"] = _adwin(reference.scalars[values], stream.scalars[values])
    found["ADWIN on abstained"] = _adwin(reference.scalars["abstained"], stream.scalars["abstained"])
    return found


def _one_coordinate(reference: Sample, window: Sample) -> float:
    return kolmogorov_smirnov(reference.vectors[:, 0].tolist(), window.vectors[:, 0].tolist()).p_value


def _classifier(reference: Sample, window: Sample) -> float:
    """A classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017): half to learn, half to test, by ranks."""
    learn = (reference.vectors[::2], window.vectors[::2])
    both = np.concatenate([part - part.mean(axis=0) for part in learn])
    covariance = both.T @ both / len(both)
    shrunk = 0.5 * covariance + 0.5 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    weights = np.linalg.solve(shrunk, learn[1].mean(axis=0) - learn[0].mean(axis=0))
    ranks = mannwhitneyu(
        window.vectors[1::2] @ weights, reference.vectors[1::2] @ weights, alternative="greater"
    )
    return float(ranks.pvalue)


_METHODS: dict[str, Callable[[Sample, Sample], float]] = {
    "KS on one coordinate": _one_coordinate,
    "classifier": _classifier,
}


def _adwin(before: list[float], stream: list[float]) -> list[int]:
    detector: Any = ADWIN()  # type: ignore[no-untyped-call]
    for value in before:
        detector.update(value)
    alarms = []
    for place, value in enumerate(stream, start=1):
        detector.update(value)
        if detector.drift_detected:
            alarms.append(place)
    return alarms


def _judged(runs: list[Alarms], share: float) -> dict[str, Any]:
    return {name: _figures([run[name] for run in runs], share) for name in runs[0]}


def _figures(alarms: list[list[int]], share: float) -> dict[str, Any]:
    if not share:
        return {
            "false_alarms_per_500": round(sum(map(len, alarms)) / len(alarms) / (_STREAMS[0.0] / 500), 4),
            "95%": _interval([len(one) / (_STREAMS[0.0] / 500) for one in alarms]),
            "streams_with_any": round(sum(map(bool, alarms)) / len(alarms), 3),
        }
    delays = [one[0] if one else np.inf for one in alarms]
    median, worst = float(np.median(delays)), float(np.quantile(delays, 0.9, method="higher"))
    return {
        "median_delay": median if np.isfinite(median) else None,
        "90%_delay": worst if np.isfinite(worst) else None,
        "seen": round(sum(map(bool, alarms)) / len(alarms), 3),
    }


def _interval(by_stream: list[float]) -> list[float]:
    drawn = np.random.default_rng(0).choice(by_stream, (10_000, len(by_stream))).mean(axis=1)
    return [round(float(one), 4) for one in np.quantile(drawn, (0.025, 0.975))]


if __name__ == "__main__":
    main()
