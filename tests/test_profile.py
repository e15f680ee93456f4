"""Profiles of components, against pandas on every draw of labels."""

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import synthetic
import xarray as xr

import bayesgmm as bg
from bayesgmm.errors import InputError

NEAR = {**synthetic.TWO_GROUPS, "means": [[-0.6, 0.0], [0.6, 0.5]]}
N = 40
WEIGHT = np.linspace(0.5, 2.0, N)
FEW = np.arange(N) > 4


def build(truth=NEAR, n=N, n_draws=30, names=None):
    rng = np.random.default_rng(0)
    X = synthetic.observations(truth, n, rng)
    chains = [synthetic.perturbed(truth, n_draws, rng, 0.3) for _ in range(2)]
    return synthetic.resolved(synthetic.tree(X, chains, lp=False, names=names))


def named(posterior, group, **coords):
    groups = {name: child.to_dataset() for name, child in posterior.children.items()}
    groups[group] = groups[group].assign_coords(coords)
    return xr.DataTree.from_dict(groups)


def weighted(posterior):
    return synthetic.changed(
        posterior, "constant_data", sample_weight=("obs_id", WEIGHT)
    )


@pytest.fixture(scope="module")
def posterior():
    return build()


@pytest.fixture(scope="module")
def extra():
    """Columns that were not fitted."""
    rng = np.random.default_rng(1)
    revenue = rng.lognormal(3.0, 1.0, N)
    revenue[[3, 17]] = np.nan
    member = rng.random(N) < 0.4
    return pd.DataFrame({"revenue": revenue, "member": member, "city": ["x"] * N})


def by_pandas(labels, data, weight):
    """Return size and, by column, mean and sd of one draw: weighted rows repeated."""
    rows = {}
    for k in (0, 1):
        mine = labels == k
        rows[k, "size", ""] = weight[mine].sum()
        rows[k, "share", ""] = weight[mine].sum() / weight.sum()
        for name in data:
            x, w = data[name][mine].to_numpy(dtype=float), weight[mine]
            x, w = x[~np.isnan(x)], w[~np.isnan(x)]
            mean = np.average(x, weights=w)
            rows[k, "mean", name] = mean
            rows[k, "sd", name] = np.sqrt(np.average((x - mean) ** 2, weights=w))
    return rows


@pytest.mark.parametrize("weights", [False, True])
def test_every_draw_of_labels_is_described(posterior, extra, weights, monkeypatch):
    tree = weighted(posterior) if weights else posterior
    # The package's attribute of this name is the function.
    monkeypatch.setattr(import_module("bayesgmm.profile"), "BLOCK_BYTES", 8 * N * 7)
    found = bg.profile(tree, extra, probability=0.8, random_seed=2)
    labels = bg.draw_labels(tree, random_seed=2).values.reshape(-1, N)
    weight = WEIGHT if weights else np.ones(N)
    draws = pd.DataFrame([by_pandas(z, extra.iloc[:, :2], weight) for z in labels])
    draws.columns = pd.MultiIndex.from_tuples(draws.columns)
    assert set(found.table.index) == set(draws.columns)
    expected = draws[list(found.table.index)]
    close = {"rtol": 1e-12}
    np.testing.assert_allclose(found.table["mean"], expected.mean(), **close)
    np.testing.assert_allclose(found.table["sd"], expected.std(ddof=0), **close)
    for name, at in (("lower", 0.1), ("upper", 0.9)):
        np.testing.assert_allclose(found.table[name], expected.quantile(at), **close)
    gap = draws[0] - draws[1]
    contrast = found.contrast(0, 1)
    assert list(contrast.index) == [
        ("share", ""),
        ("mean", "revenue"),
        ("mean", "member"),
    ]
    gap = gap[list(contrast.index)]
    np.testing.assert_allclose(contrast["mean"], gap.mean(), rtol=1e-10)
    np.testing.assert_allclose(contrast["probability"], (gap > 0).mean())
    larger = (gap["share", ""] > 0).mean()
    equal = (gap["share", ""] == 0).mean()
    np.testing.assert_allclose(
        found.ranks, [[larger + equal, 1 - larger - equal, 0], [1 - larger, larger, 0]]
    )


def test_by_default_it_is_of_the_features():
    posterior = build(names=["length", "width"])
    found = bg.profile(posterior)
    assert found.columns == ["length", "width"]
    assert dict(found.draws["mean"].sizes) == {
        "chain": 2,
        "draw": 30,
        "component": 2,
        "column": 2,
    }
    total = (found.draws["mean"] * found.draws["share"]).sum("component")
    mean = posterior["constant_data"]["X"].values.mean(0)
    np.testing.assert_allclose(total, np.broadcast_to(mean, (2, 30, 2)), atol=1e-12)


def test_rows_of_the_fit_have_its_weights_in_any_order(posterior):
    tree = weighted(posterior)
    X = pd.DataFrame(tree["constant_data"]["X"].values)
    for rows in (range(N), range(N)[::-1], [3, 17, 5]):
        draws = bg.profile(tree, X=X.iloc[rows]).draws
        total = WEIGHT[list(rows)].sum()
        np.testing.assert_allclose(draws["size"].sum("component"), total)


def test_weights_of_other_rows_must_be_said_if_the_fit_had_some(posterior):
    tree = weighted(posterior)
    X = tree["constant_data"]["X"].values[::-1]
    message = (
        "fit, which was weighted; got none, and 40 such rows, the first at 0. Give"
    )
    with pytest.raises(InputError, match="`sample_weight` must be given .*" + message):
        bg.profile(tree, X=X)
    with pytest.raises(InputError, match="`sample_weight` must be finite"):
        bg.profile(tree, X=X, sample_weight=-WEIGHT)
    assert (bg.profile(posterior, X=X).draws["size"].sum("component") == N).all()
    mine = bg.profile(tree, X=X, sample_weight=WEIGHT)
    np.testing.assert_allclose(mine.draws["size"].sum("component"), WEIGHT.sum())
    same = bg.profile(tree, sample_weight=np.ones(N))
    xr.testing.assert_identical(same.draws, bg.profile(posterior).draws)


def test_known_labels_count(posterior):
    labels = np.full(N, -1)
    labels[5:9], labels[20:30] = 1, 0
    tree = synthetic.with_labels(posterior, labels)
    X = pd.DataFrame(tree["constant_data"]["X"].values)
    draws = bg.profile(tree, X=X[20:30]).draws
    assert (draws["size"] == [10, 0]).all()
    np.testing.assert_allclose(draws["mean"][..., 0, 0], X[20:30][0].mean())


@pytest.mark.parametrize("weights", [False, True])
def test_of_the_population_sampling_counts_as_well(weights):
    """One component has no doubt of labels; Dirichlet weights have known moments."""
    one = {"weights": [1.0], "means": [[0.0]], "covariances": [[[1.0]]]}
    posterior = build(one, n_draws=4000)
    posterior = weighted(posterior) if weights else posterior
    weight = WEIGHT if weights else np.ones(N)
    x = np.random.default_rng(5).lognormal(size=N)
    rows = bg.profile(posterior, x[:, None])
    mean = np.average(x, weights=weight)
    assert (rows.draws["mean"].std(("chain", "draw")) < 1e-12).all()
    assert rows.draws["mean"].mean() == pytest.approx(mean)
    found = bg.profile(posterior, x[:, None], population=True).draws["mean"].values
    variance = np.average((x - mean) ** 2, weights=weight) / (weight.sum() + 1)
    # Four standard errors of 8,000 draws: false alarms 1e-4.
    assert abs(found.mean() - mean) < 4 * np.sqrt(variance / 8000)
    kurtosis = ((found - found.mean()) ** 4).mean() / found.var() ** 2
    error = 4 * np.sqrt((kurtosis - 1) / 8000)
    assert abs(found.var() / variance - 1) < error < 0.1


def test_one_component_is_printed_without_rounding_for_a_spread():
    one = {"weights": [1.0], "means": [[0.0, 0.0]], "covariances": [np.eye(2)]}
    text = str(bg.profile(build(one, n_draws=10)))
    assert text.startswith("1 component of 40 rows, from 20 draws of labels: means")
    assert max(map(len, text.split())) < 12


def test_sizes_of_the_population_sum_to_that_of_the_sample(posterior):
    found = bg.profile(posterior, population=True)
    np.testing.assert_allclose(found.draws["size"].sum("component"), N)
    again = bg.profile(posterior, population=True)
    xr.testing.assert_identical(found.draws, again.draws)
    other = bg.profile(posterior, population=True, random_seed=None)
    assert (other.draws["size"] != found.draws["size"]).any()


def test_narrow_and_far_from_each_other_digits_stay():
    posterior = build({**synthetic.TWO_GROUPS, "means": [[-50.0, 0.0], [50.0, 0.0]]})
    labels = bg.draw_labels(posterior).values[0, 0]
    x = np.where(labels == 0, -1e6, 1e6) + np.linspace(0, 1e-3, N)
    found = bg.profile(posterior, x[:, None]).draws
    expected = by_pandas(labels, pd.DataFrame({"x": x}), np.ones(N))
    for k in (0, 1):
        sd = found["sd"].sel(component=k, column="x0")
        np.testing.assert_allclose(sd, expected[k, "sd", "x"], rtol=1e-9)


def test_a_constant_is_nowhere_higher(posterior):
    found = bg.profile(weighted(posterior), np.full((N, 1), 0.1))
    assert (found.draws["mean"] == 0.1).all()
    contrast = found.contrast(0, 1)
    assert contrast.loc[("mean", "x0"), "probability"] == 0.0
    assert (found.draws["sd"] == 0.0).all()


def test_components_without_rows_are_said_to_be_empty():
    """The second component is nowhere near the rows in all draws but a few."""
    posterior = build(synthetic.TWO_GROUPS, n=6)
    means = posterior["posterior"]["means"].copy()
    means[:, 5:, 1] = 1e3
    posterior = synthetic.changed(posterior, "posterior", means=means)
    found = bg.profile(posterior, posterior["constant_data"]["X"])
    size = found.draws["size"].values
    assert (size[:, 5:, 1] == 0).all()
    assert found.ranks.loc[1, "empty"] == (size[..., 1] == 0).mean() >= 25 / 30
    np.testing.assert_allclose(found.ranks.sum(axis=1), 1.0)
    assert np.isnan(found.draws["mean"].values[:, 5:, 1]).all()
    assert np.isfinite(found.table).all(axis=None)
    assert np.isfinite(found.contrast(0, 1)).all(axis=None)
    nothing = bg.profile(posterior.isel(draw=slice(10, 20)))
    assert np.isnan(nothing.table.xs(1).xs("mean")["mean"]).all()
    assert "—" in str(nothing)


def test_noise_is_the_last_component(posterior):
    tree = synthetic.with_noise(posterior)
    found = bg.profile(tree)
    assert found.components == [0, 1, -1]
    labels, X = bg.draw_labels(tree).values, tree["constant_data"]["X"].values
    np.testing.assert_array_equal(found.draws["size"][..., 2], (labels == -1).sum(-1))
    noise, first = (
        np.array([X[z == k].mean(0) for z in labels.reshape(-1, N)]) for k in (-1, 0)
    )
    contrast = found.contrast(-1, 0)
    np.testing.assert_allclose(contrast.loc["mean", "mean"], (noise - first).mean(0))
    higher = (noise > first).mean(0)
    np.testing.assert_allclose(contrast.loc["mean", "probability"], higher)
    other = named(tree, "posterior", component=["low", "high"])
    assert bg.profile(other).components == ["low", "high", "noise"]


def test_named_components_and_what_is_printed(posterior, extra):
    tree = named(posterior, "posterior", component=["low", "high"])
    found = bg.profile(tree, extra)
    by_name, by_place = found.contrast("low", "high"), found.contrast(0, 1)
    pd.testing.assert_frame_equal(by_name, by_place)
    text = str(found)
    assert text.startswith(
        "2 components of 40 rows, from 60 draws of labels: means and 90% intervals\n"
    )
    assert "mean of revenue" in text
    assert "low" in text
    assert "the population of 40 rows" in str(bg.profile(tree, population=True))


def test_rows_are_matched_by_name_where_both_have_names(posterior, extra):
    ids = [f"c{i}" for i in range(N)]
    tree = named(posterior, "constant_data", obs_id=ids)
    by_position = bg.profile(tree, extra)
    by_name = bg.profile(tree, extra.set_index(pd.Index(ids)))
    pd.testing.assert_frame_equal(by_name.table, by_position.table)
    backwards = extra.set_index(pd.Index(ids)).iloc[::-1]
    with pytest.raises(
        InputError, match="got 'c39' in row 0 where the mixture has 'c0'"
    ):
        bg.profile(tree, backwards)
    others = extra.set_index(pd.Index([f"d{i}" for i in range(N)]))
    with pytest.raises(
        InputError, match="got 'd0' in row 0 where the mixture has 'c0'"
    ):
        bg.profile(tree, others)
    with pytest.raises(InputError, match="got 39 in row 0 where the mixture has 0"):
        bg.profile(posterior, extra.iloc[::-1])
    with pytest.raises(InputError, match="got 39 rows where the mixture has 40"):
        bg.profile(posterior, extra.iloc[1:])


def test_other_frames_and_nullable_columns(posterior, extra):
    import polars

    expected = bg.profile(posterior, extra[["revenue", "member"]])
    other = bg.profile(posterior, polars.from_pandas(extra))
    pd.testing.assert_frame_equal(other.table, expected.table)
    missing, again = (
        bg.profile(
            posterior, extra.assign(member=extra["member"].astype(kind).where(FEW))
        )
        for kind in (float, "boolean")
    )
    pd.testing.assert_frame_equal(again.table, missing.table)
    nullable = extra.convert_dtypes()
    again = bg.profile(posterior, nullable)
    pd.testing.assert_frame_equal(again.table, expected.table)


def test_bad_input_is_refused(posterior, extra):
    with pytest.raises(InputError, match="`data` must have a column of numbers"):
        bg.profile(posterior, extra[["city"]])
    with pytest.raises(InputError, match="got other columns: none"):
        bg.profile(posterior, extra[[]])
    twice = extra[["revenue", "revenue"]]
    with pytest.raises(InputError, match="`data` must have a different name for every"):
        bg.profile(posterior, twice)
    with pytest.raises(InputError, match="only missing values in 'none'"):
        bg.profile(posterior, extra.assign(none=np.nan))
    with pytest.raises(InputError, match="`data` must be finite; got 1 non-finite"):
        bg.profile(posterior, np.r_[np.inf, np.zeros(N - 1)][:, None])
    with pytest.raises(InputError, match="`b` must be another component than `a`"):
        bg.profile(posterior).contrast(1, 1)
    with pytest.raises(InputError, match="`a` must be"):
        bg.profile(posterior).contrast("low", 1)
    with pytest.raises(InputError, match="`X` must have the 2 features"):
        bg.profile(posterior, X=np.zeros((3, 1)))
    with pytest.raises(InputError, match="`random_seed` must be a whole number of 0"):
        bg.profile(posterior, random_seed=-1)
    with pytest.raises(InputError, match="`probability` must be between 0 and 1"):
        bg.profile(posterior, probability=90)
