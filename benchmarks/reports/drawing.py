"""Drawing: rows of bars or points as SVG, in light and in dark; the same data gives the same bytes."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.cells import cell_len

from benchmarks.formats import printable
from benchmarks.reports.palette import BACKGROUND, BAD, FIRST, GRID, QUIET, TEXT, Colour, darkened
from instrumentation.rendering.visible import shortened, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH_INCHES: Final = 7.0
_ROW_INCHES: Final = 0.22
_TITLE_INCHES: Final = 0.28
_LEGEND_INCHES: Final = 0.24
_FOOT_INCHES: Final = 0.3
_GAP_INCHES: Final = 0.35
_CELL_INCHES: Final = 0.078
"""The width of a character."""
_LEAST_AXIS: Final = 0.25
"""Of a panel's width, however long its texts are."""
_LABEL_CELLS: Final = 26
_POINTS: Final = 9.0
_STYLE: Final[Any] = {
    "axes.edgecolor": GRID.light,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": TEXT.light,
    "axes.titlelocation": "left",
    "axes.titlesize": _POINTS,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": _POINTS,
    "legend.labelcolor": TEXT.light,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "nanoagent",
    "text.color": TEXT.light,
    "xtick.color": GRID.light,
    "xtick.labelcolor": QUIET.light,
    "ytick.labelcolor": TEXT.light,
    "ytick.major.size": 0,
}


class Drawn(NamedTuple):
    """A picture, as SVG."""

    light: str
    dark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """One bar a row; several stand one after the other."""

    values: Sequence[float]
    colour: Colour = FIRST
    name: str = ""
    """In the legend; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """One point a row."""

    values: Sequence[float]
    marks: Sequence[str]
    """The form of each, as matplotlib names them."""
    colours: Sequence[Colour]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What stands beside the rows' names; all of it has as many values as there are rows."""

    title: str
    end: float
    """Of the axis: what lies beyond is drawn up to there, and its text says how much it is."""
    texts: Sequence[str]
    """At the right."""
    bars: Sequence[Bars] = ()
    points: Points | None = None
    spans: Sequence[tuple[float, float] | None] = ()
    """From where to where each row's attempts, or its interval, go."""
    line: float | None = None
    """Where a limit or a baseline is."""
    line_colour: Colour = BAD
    unit: str = ""
    """Behind the numbers of the axis."""


def drawn(labels: Sequence[str], panels: Sequence[Panel]) -> Drawn:
    """Draw panels side by side, a row a label."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a character that the font has not: whoever shows the picture has another font
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        legend = _LEGEND_INCHES if _has_legend(panels) else 0
        height = legend + _TITLE_INCHES + _ROW_INCHES * len(labels) + _FOOT_INCHES
        figure = Figure(figsize=(_WIDTH_INCHES, height))
        FigureCanvasSVG(figure)
        _draw(figure, [_shown(label) for label in labels], panels)
        file = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=nothing)
    light = file.getvalue()
    return Drawn(light, darkened(light))


def _shown(label: str) -> str:
    return shortened(printable(visible(label)), _LABEL_CELLS)


def _draw(figure: "Figure", labels: Sequence[str], panels: Sequence[Panel]) -> None:
    left = 0.15 + _CELL_INCHES * max(map(cell_len, labels))
    panel_width = (_WIDTH_INCHES - left) / len(panels) - _GAP_INCHES
    height = figure.get_figheight()
    for place, panel in enumerate(panels):
        start = left + place * (panel_width + _GAP_INCHES)
        rows = _ROW_INCHES * len(labels)
        axes = figure.add_axes(
            (start / _WIDTH_INCHES, _FOOT_INCHES / height, panel_width / _WIDTH_INCHES, rows / height)
        )
        axes.set_yticks(range(len(labels)), labels if place == 0 else [""] * len(labels), parse_math=False)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        _draw_panel(axes, panel, room=_room(panel, panel_width))
    if _has_legend(panels):
        handles, names = figure.axes[0].get_legend_handles_labels()
        at = (0.1 / _WIDTH_INCHES, 1 - 0.02 / height)
        figure.legend(handles, names, loc="upper left", bbox_to_anchor=at, ncols=len(names), frameon=False, borderpad=0)


def _has_legend(panels: Sequence[Panel]) -> bool:
    return any(bars.name for bars in panels[0].bars)


def _room(panel: Panel, width: float) -> float:
    """How much wider than its axis a panel is, so that its texts have room."""
    texts = _CELL_INCHES * (max(map(cell_len, panel.texts)) + 2)
    return width / max(width - texts, width * _LEAST_AXIS)


def _draw_panel(axes: "Axes", panel: Panel, *, room: float) -> None:
    axes.set_title(panel.title, pad=4, parse_math=False)
    axes.set_xlim(0, panel.end * room)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= panel.end * 1.001])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.6g}{panel.unit}")
    axes.grid(axis="x", color=GRID.light, linewidth=0.6)
    axes.set_axisbelow(True)
    if panel.points is None:
        _draw_bars(axes, panel)
    else:
        _draw_points(axes, panel.points, panel.end)
    for row, span in enumerate(panel.spans):
        if span is not None:
            sides = [min(side, panel.end) for side in span]
            # A line of the background around it, so that it stands out from a bar.
            axes.plot(sides, [row, row], color=BACKGROUND.light, linewidth=3, zorder=2)
            axes.plot(sides, [row, row], color=TEXT.light, linewidth=1.2, marker="|", markersize=5, zorder=2)
    if panel.line is not None:
        axes.axvline(panel.line, color=panel.line_colour.light, linewidth=1, linestyle=(0, (4, 2)))
    for row, text in enumerate(panel.texts):
        axes.text(panel.end * room, row, text, ha="right", va="center_baseline", parse_math=False)


def _draw_bars(axes: "Axes", panel: Panel) -> None:
    ends = [0.0] * len(panel.texts)
    for bars in panel.bars:
        until = [min(end + value, panel.end) for end, value in zip(ends, bars.values, strict=True)]
        widths = [new - old for new, old in zip(until, ends, strict=True)]
        label = bars.name or "_"
        axes.barh(range(len(widths)), widths, left=ends, height=0.68, color=bars.colour.light, label=label)
        ends = until


def _draw_points(axes: "Axes", points: Points, end: float) -> None:
    for row, (value, mark, colour) in enumerate(zip(points.values, points.marks, points.colours, strict=True)):
        axes.plot(min(value, end), row, marker=mark, markersize=6, color=colour.light, clip_on=False, zorder=3)
