"""Colours and markers of components can be told apart."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib import colors
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bayesgmm.plots import _style
from bayesgmm.plots.diagnosis import _draw_traces
from bayesgmm.plots.ellipses import draw_rows

# Machado, Oliveira and Fernandes (2009), severity 1.
SIGHT = {
    "normal": np.eye(3),
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def linear(colour):
    value = np.array(colors.to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Ottosson (2020), from linear sRGB."""
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return to_lab @ np.cbrt(to_cones @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_can_be_told_apart(sight):
    """A step of 0.02 in OKLab is just visible; the first six are five such apart."""
    seen = [oklab(SIGHT[sight] @ linear(colour)) for colour in _style.COLOURS]
    apart = [np.linalg.norm(a - b) for a, b in combinations(seen[:6], 2)]
    assert min(apart) > 0.1
    apart = [np.linalg.norm(a - b) for a, b in combinations(seen, 2)]
    assert min(apart) > 0.07


def test_colours_stand_out_from_white_and_from_black():
    for colour in _style.COLOURS:
        luminance = linear(colour) @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (luminance + 0.05) > 2.7
        assert (luminance + 0.05) / 0.05 > 2.7


def test_marker_and_colour_together_are_unique():
    pairs = {
        (_style.component_colour(k), _style.component_marker(k)) for k in range(40)
    }
    assert len(pairs) == 40


@pytest.mark.parametrize("component", range(len(_style.MARKERS)))
@pytest.mark.parametrize("n_rows", [50, 1500])
def test_rows_of_every_component_can_be_seen(component, n_rows):
    """Small crosses once vanished between pixels."""
    figure = Figure(figsize=(3, 3), dpi=80)
    shares = np.zeros((n_rows, component + 1))
    shares[:, -1] = 1
    points = np.random.default_rng(0).uniform(size=(n_rows, 2))
    ax = figure.add_subplot()
    ax.set_axis_off()
    draw_rows(ax, points, shares, _style.looks_of(range(component + 1)))
    assert n_coloured(figure) > n_rows


def n_coloured(figure):
    """Return how many pixels are not grey."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return int((np.ptp(np.asarray(canvas.buffer_rgba())[..., :3], axis=-1) > 9).sum())


def test_draws_of_every_component_can_be_seen():
    values = np.where(np.arange(6) == 5, 1.0, np.nan) * np.ones((2, 50, 6))
    figure = Figure(dpi=80)
    ax = figure.add_subplot()
    _draw_traces(ax, values)
    assert n_coloured(figure) > 100


class TestWrap:
    def test_short_names_stay(self):
        assert _style.wrap("sepal length") == "sepal length"
        assert _style.wrap(2) == "2"

    def test_of_long_names_the_ends_are_kept(self):
        """They are what tells columns apart."""
        name = "Average monthly expenditure on category 7 (thousand EUR)"
        assert _style.wrap(name) == "Average monthly\n… 7 (thousand EUR)"

    def test_a_long_word_is_cut(self):
        first, second = _style.wrap("x" * 80 + "y").split("\n")
        assert first == "x" * 26
        assert second == "… " + "x" * 23 + "y"


@pytest.mark.parametrize("n_names", [2, 10, 14])
def test_legends_fit_the_height_of_the_figure(n_names):
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    ax = figure.add_subplot()
    handles = [_style.legend_line() for _ in range(n_names)]
    names = [_style.wrap(f"customers who buy rarely, kind {k}") for k in range(n_names)]
    _style.legend_beside(ax, handles, names)
    figure.draw_without_rendering()
    box = ax.get_legend().get_window_extent()
    assert box.y0 > 0
    assert box.y1 <= figure.bbox.height
