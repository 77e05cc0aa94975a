"""Matplotlib, set up so that the same figures give the same bytes, and a page gives colours and letters."""

import io
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eval.report.plots.palette import EDGE, INK, LINE, SOFT_INK
from eval.report.plots.svg import Drawing, fit_for_page

LETTER = 13.0
"""Height of the letters, in pixels of the page."""

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tandem",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": LETTER,
    "text.color": INK,
    "axes.edgecolor": EDGE,
    "axes.labelcolor": SOFT_INK,
    "axes.labelsize": LETTER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 1.0,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": LINE,
    "grid.linewidth": 1.0,
    "xtick.color": EDGE,
    "ytick.color": EDGE,
    "xtick.labelcolor": SOFT_INK,
    "ytick.labelcolor": SOFT_INK,
    "xtick.labelsize": LETTER,
    "ytick.labelsize": LETTER,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 2.0,
}
_ONE_AT_A_TIME = threading.Lock()
"""Matplotlib's settings belong to the process."""


@contextmanager
def sheet(width: float, height: float) -> Iterator[tuple[Any, Any]]:
    """A figure of so many pixels and its axes; draw, then hand it to `finished`, all within the context."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with _ONE_AT_A_TIME, matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # The browser has the letters that Matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        FigureCanvasSVG(figure)
        figure.get_layout_engine().set(w_pad=0.04, h_pad=0.04)
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        yield figure, axes


def finished(figure: Any, key: str, drawing: Drawing) -> str:
    """The figure as one `<svg>` element. `key` begins its ids, so that pages can hold many."""
    written = io.BytesIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return fit_for_page(written.getvalue(), key, drawing)
