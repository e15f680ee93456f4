"""Maps of segments, judged by what they draw."""

import numpy as np
import pytest
import xarray as xr
from matplotlib import colors, pyplot
from matplotlib.figure import Figure

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.plots import _style

pytestmark = pytest.mark.usefixtures("pictures")
LABEL = np.array(
    [
        [0, 0, 0, 2, 2, 2],
        [0, 0, 0, 2, 2, 2],
        [0, 0, 0, 2, 2, 2],
        [-9999, -1, 0, 2, 2, 2],
    ],
    dtype=np.int16,
)


def scene(**coords):
    entropy = np.where(LABEL == -9999, np.nan, 0.1 * np.arange(6))
    attrs = {"units": "nats"}
    return xr.Dataset(
        {
            "label": (("y", "x"), LABEL),
            "entropy": (("y", "x"), entropy, attrs),
            "parameter_entropy": (("y", "x"), entropy / 10, attrs),
            "probability": (("component", "y", "x"), np.ones((4, *LABEL.shape))),
        },
        coords={"component": ["water", "sand", "wood", "noise"]} | coords,
    )


def maps_of(figure):
    return [ax for ax in figure.axes if ax.get_title()]


def test_maps_stand_side_by_side():
    figure = bg.plot_segments(scene())
    titles = [ax.get_title() for ax in maps_of(figure)]
    assert titles == ["label", "entropy", "parameter entropy"]
    drawn = maps_of(figure)[1].images[0]
    np.testing.assert_array_equal(drawn.get_array().filled(np.nan), scene()["entropy"])
    assert drawn.get_clim()[0] == 0
    scales = [ax for ax in figure.axes if not ax.get_title()]
    assert [ax.get_ylabel() for ax in scales] == ["nats", "nats"]


def test_segments_have_the_colours_of_components():
    ax = bg.plot_segments(scene()).axes[0]
    image = ax.images[0]
    pixels = image.to_rgba(image.get_array())
    for place, colour in [
        ((0, 0), _style.COLOURS[0]),
        ((0, 5), _style.COLOURS[2]),
        ((3, 1), _style.NEUTRAL),
    ]:
        np.testing.assert_allclose(pixels[place][:3], colors.to_rgb(colour), atol=0.01)
    assert pixels[3, 0, 3] == 0  # missing data are transparent
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["water", "wood", "noise"]


def test_markers_are_inside_of_their_segments():
    ax = bg.plot_segments(scene()).axes[0]
    marks = {line.get_marker(): line.get_xydata()[0] for line in ax.lines}
    assert set(marks) == {".", "o", "s"}
    for marker, code in ((".", -1), ("o", 0), ("s", 2)):
        column, row = np.round(marks[marker]).astype(int)
        assert LABEL[row, column] == code
    np.testing.assert_allclose(marks["o"], [1, 1])


def test_coordinates_are_scales_with_higher_ones_further_up():
    east = ("x", 100 + 30.0 * np.arange(6), {"long_name": "easting", "units": "m"})
    for north in (np.arange(4) * 30.0, np.arange(4)[::-1] * 30.0):
        ax = bg.plot_segments(scene(x=east, y=("y", north))).axes[0]
        assert ax.get_xlabel() == "easting, m"
        assert ax.get_xlim() == (85, 265)
        assert ax.get_ylim() == (-15, 105)
        marks = {line.get_marker(): line.get_xydata()[0] for line in ax.lines}
        np.testing.assert_allclose(marks["."], [130, north[3]])


def test_numbered_rows_begin_at_the_top():
    numbered = scene(x=np.arange(6), y=np.arange(4))
    assert bg.plot_segments(numbered).axes[0].get_ylim() == (3.5, -0.5)
    ax = bg.plot_segments(scene()).axes[0]
    assert ax.get_ylim() == (3.5, -0.5)
    assert len(ax.get_xticks()) == 0


def test_large_scenes_are_thinned():
    large = scene().isel(y=np.repeat(np.arange(4), 700), x=np.repeat(np.arange(6), 10))
    image = bg.plot_segments(large, variables=["label"]).axes[0].images[0]
    assert image.get_array().shape == (934, 20)
    numbered = large.assign_coords(y=np.arange(2800), x=np.arange(60))
    ax = bg.plot_segments(numbered, variables="label").axes[0]
    assert ax.yaxis_inverted()


def test_what_a_fit_cannot_know_is_left_out():
    figure = bg.plot_segments(scene().drop_vars("parameter_entropy"))
    assert len(maps_of(figure)) == 2


def test_what_is_no_map_is_refused():
    with pytest.raises(InputError, match="be of two dimensions"):
        bg.plot_segments(scene(), variables=["probability"])
    with pytest.raises(InputError, match="Did you mean 'entropy'"):
        bg.plot_segments(scene(), variables=["entropi"])


def test_given_axes_are_used():
    axes = Figure().subplots(1, 3)
    assert bg.plot_segments(scene(), ax=axes) is axes[0].figure
    assert pyplot.get_fignums() == []
