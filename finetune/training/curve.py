"""The learning curve as a picture; its points stand in `training.json`."""

from collections.abc import Sequence
from pathlib import Path

_SMOOTHED = 0.1
"""Weight of the newest step in the running mean."""


def draw_curve(
    file: Path,
    curve: Sequence[dict[str, float]],
    validations: Sequence[dict[str, float]],
    best_step: int,
) -> None:
    """Loss and token accuracy over the steps, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    losses, accuracies = figure.subplots(1, 2)
    steps = [point["step"] for point in curve]
    losses.plot(steps, [point["loss"] for point in curve], color="#b8c4d6", linewidth=0.8, label="a step")
    losses.plot(steps, _smooth([point["loss"] for point in curve]), color="#1f4e8c", label="training")
    seen = [point["step"] for point in validations]
    losses.plot(seen, [point["loss"] for point in validations], "o-", color="#c4571b", label="validation")
    losses.axvline(best_step, color="#888888", linestyle=":", linewidth=1, label="kept")
    losses.set(xlabel="step", ylabel="loss of answer tokens", ylim=(0, None))
    losses.legend(frameon=False)
    accuracies.plot(seen, [100 * point["token_accuracy"] for point in validations], "o-", color="#c4571b")
    accuracies.axvline(best_step, color="#888888", linestyle=":", linewidth=1)
    accuracies.set(xlabel="step", ylabel="validation: right answer tokens, %")
    for axes in (losses, accuracies):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def _smooth(values: Sequence[float]) -> list[float]:
    smoothed: list[float] = []
    for value in values:
        smoothed.append(value if not smoothed else smoothed[-1] + _SMOOTHED * (value - smoothed[-1]))
    return smoothed
