"""The learning rate of each step."""

import math


def learning_rate(step: int, steps: int, warmup: float, highest: float) -> float:
    """Of step `step`, counted from 0: a line up to `highest` over a share `warmup` of `steps`, then a cosine to 0."""
    rising = math.ceil(warmup * steps)
    if step < rising:
        return highest * (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return highest * 0.5 * (1.0 + math.cos(math.pi * done))
