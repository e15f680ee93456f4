"""What is said of lazy rows is what is said of the same rows in memory."""

from dataclasses import replace

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import synthetic
import xarray as xr
from scipy.stats import multivariate_normal

import bayesgmm as bg
from bayesgmm import fitting_chunks
from bayesgmm.em import Status
from bayesgmm.errors import ChunkError, CollapseWarning, InputError
from bayesgmm.grid_chunks import check_chunked_grid
from bayesgmm.search import Cell, Task, refine_cell

N = 1200
FEATURES = ["length", "width"]
FAMILIES = ["EEE", "VVI", "VVV"]
KEY = ["n_components", "covariance_type"]
QUIET = {"random_state": 0, "progress": False}


def draw(n=N):
    rng = np.random.default_rng(0)
    z = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    centres = np.array([[0.0, 0.0], [4.0, 1.0], [0.0, 6.0]])[z]
    rows = centres + rng.normal(size=(n, 2)) * (1 + 0.2 * z[:, None])
    return rows, z


X, TRUTH = draw()
WEIGHT = np.random.default_rng(1).integers(0, 4, size=N).astype(float)


def lazily(values, rows=250):
    return da.from_array(values, chunks=(rows, *values.shape[1:]))


@pytest.fixture
def few_in_sample(monkeypatch):
    monkeypatch.setattr(fitting_chunks, "SAMPLE_ROWS", 400)


# -- labels and noise ----------------------------------------------------------------


SOME = np.where(np.arange(N) % 6 == 0, TRUTH, -1)
TABLE = np.ones((N, 3), dtype=bool)
TABLE[TRUTH == 1, 2] = False
HOLES = np.where(np.random.default_rng(2).random(X.shape) < 0.1, np.nan, X)
HOLES[np.isnan(HOLES).all(axis=1)] = 0.0
STRANGE = np.r_[X, np.random.default_rng(3).uniform(-20, 20, size=(60, 2))]


def same(em, other, rtol=1e-10):
    assert em.log_likelihood_ == pytest.approx(other.log_likelihood_, rel=rtol)
    for name in ("weights_", "means_", "covariances_"):
        theirs = getattr(other, name)
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(getattr(em, name), theirs, 0, rtol * scale)
    assert em.n_iter_ == other.n_iter_


@pytest.mark.parametrize("lazy", [False, True], ids=["array", "lazy"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weights"])
@pytest.mark.parametrize("rows", [X, HOLES], ids=["complete", "gaps"])
@pytest.mark.parametrize("labels", [SOME, TABLE], ids=["numbers", "table"])
def test_labels_mean_what_they_mean_in_memory(labels, rows, weight, lazy):
    # A sample of the first rows holds what a start needs: the means are given.
    means = [X[k == TRUTH].mean(axis=0) for k in range(3)]
    settings = {"means_init": means, "missing": "fiml", "random_state": 0}
    given = {"sample_weight": weight}
    whole = bg.GaussianMixture(3, **settings).fit(rows, labels=labels, **given)
    given["labels"] = lazily(labels, 333) if lazy else labels
    same(bg.GaussianMixture(3, **settings).fit(lazily(rows), **given), whole)


def test_components_have_the_numbers_of_labels_that_a_sample_misses(monkeypatch):
    monkeypatch.setattr(fitting_chunks, "SAMPLE_ROWS", 200)
    order, labels = [2, 0, 1], np.full(N, -1)
    for k in range(3):
        labels[np.flatnonzero(k == TRUTH)[:3]] = order[k]
    em = bg.GaussianMixture(3, random_state=0).fit(lazily(X), labels=labels)
    predicted = em.predict(lazily(X)).compute()
    assert (predicted == np.array(order)[TRUTH]).mean() > 0.9
    whole = bg.GaussianMixture(3, random_state=0).fit(X, labels=labels)
    assert em.log_likelihood_ == pytest.approx(whole.log_likelihood_, rel=1e-10)


@pytest.mark.parametrize("weight", [None, 1 + np.arange(len(STRANGE)) % 2.0])
@pytest.mark.parametrize("noise", [True, 3000.0])
def test_noise_means_what_it_means_in_memory(noise, weight):
    settings = {"noise": noise, "random_state": 0, "n_init": 2}
    whole = bg.GaussianMixture(3, **settings).fit(STRANGE, sample_weight=weight)
    lazy = bg.GaussianMixture(3, **settings).fit(lazily(STRANGE), sample_weight=weight)
    assert lazy.log_likelihood_ == pytest.approx(whole.log_likelihood_, rel=1e-10)
    ours, theirs = lazy.parameters_.noise, whole.parameters_.noise
    assert ours.log_density == pytest.approx(theirs.log_density, rel=1e-10)
    assert ours.weight == pytest.approx(theirs.weight, rel=1e-6)
    labels = lazy.predict(lazily(STRANGE)).compute()
    np.testing.assert_array_equal(labels, whole.predict(STRANGE))
    assert (labels == -1).any()


@pytest.mark.usefixtures("few_in_sample")
def test_the_box_of_noise_is_that_of_all_rows():
    settings = {"noise": True, "random_state": 0, "n_init": 2, "split_merge": False}
    whole = bg.GaussianMixture(3, **settings).fit(STRANGE)
    lazy = bg.GaussianMixture(3, **settings).fit(lazily(STRANGE))
    assert lazy.log_likelihood_ == pytest.approx(whole.log_likelihood_, rel=1e-10)
    np.testing.assert_allclose(lazy.means_, whole.means_, atol=1e-5)


def test_a_checkpoint_knows_labels_and_the_box(tmp_path):
    path = tmp_path / "fit.db"
    settings = {"noise": True, "random_state": 0, "checkpoint": path}
    labels = np.r_[SOME, np.full(60, -1)]
    first = bg.GaussianMixture(3, **settings).fit(lazily(STRANGE), labels=labels)
    again = bg.GaussianMixture(3, **settings).fit(lazily(STRANGE), labels=labels)
    assert again.log_likelihood_ == first.log_likelihood_
    labels[0] = -1
    with pytest.raises(InputError, match="checkpoint"):
        bg.GaussianMixture(3, **settings).fit(lazily(STRANGE), labels=labels)


@pytest.mark.parametrize(
    ("settings", "given", "argument"),
    [
        ({"on_collapse": "drop"}, {"labels": SOME}, "on_collapse"),
        ({}, {"labels": SOME + 1}, "labels"),
        ({}, {"labels": SOME[1:]}, "labels"),
        ({}, {"labels": lazily(SOME[1:])}, "labels"),
        ({}, {"labels": lazily(SOME + 1)}, "labels"),
        ({"noise": True, "missing": "fiml"}, {"X": lazily(HOLES)}, "noise"),
    ],
)
def test_labels_and_noise_that_cannot_be(settings, given, argument):
    with pytest.raises((InputError, ChunkError), match=f"`{argument}` must"):
        bg.GaussianMixture(3, **settings).fit(**{"X": lazily(X), **given})


def test_a_component_with_labels_that_collapses_names_its_rows():
    line = np.r_[X[:100], np.tile(X[100:101], (50, 1))]
    labels = np.r_[np.zeros(90, int), np.full(10, -1), np.ones(45, int), np.zeros(5)]
    settings = {"random_state": 0, "n_init": 1}
    found = []
    for rows in (line, lazily(line, 40)):
        with pytest.warns(CollapseWarning):
            found.append(bg.GaussianMixture(2, **settings).fit(rows, labels=labels))
    rows = [each.restarts_.best.collapse.rows for each in found]
    np.testing.assert_array_equal(*rows)
    assert set(rows[1]) == {*range(100, 145)}


# -- standard errors -----------------------------------------------------------------


@pytest.mark.parametrize("labels", [None, SOME], ids=["plain", "labels"])
@pytest.mark.parametrize("weight", [None, 0.5 + WEIGHT], ids=["plain", "weights"])
def test_standard_errors_are_those_of_rows_in_memory(labels, weight):
    told = {"labels": labels, "sample_weight": weight}
    settings = {"n_init": 1, "random_state": 0, "weight_kind": "reliability"}
    em = bg.GaussianMixture(3, **settings).fit(X, **told)
    whole = bg.standard_errors(em, X, "sandwich", **told)
    lazy = bg.standard_errors(em, lazily(X), "sandwich", **told)
    assert lazy["probability"].data.numblocks == (5, 1)
    xr.testing.assert_allclose(lazy.compute(), whole, rtol=1e-9)
    assert lazy.attrs["n_effective"] == pytest.approx(whole.attrs["n_effective"])


# -- memberships ---------------------------------------------------------------------


QUIET_DRAWS = {"random_seed": 1, "progress": False}


def tree():
    """Return draws of two groups, and rows between them."""
    rng = np.random.default_rng(0)
    near = {**synthetic.TWO_GROUPS, "means": [[-0.6, 0.0], [0.6, 0.5]]}
    rows = synthetic.observations(near, 90, rng)
    chains = [synthetic.perturbed(near, 20, rng, 0.3) for _ in range(2)]
    return rows, synthetic.resolved(synthetic.tree(rows, chains, names=FEATURES))


READ = []


def read(block):
    READ.append(len(block))
    return block


def test_memberships_are_lazy_and_the_same():
    rows, posterior = tree()
    arrays = xr.DataArray(
        lazily(rows, 40).map_blocks(read, dtype=float),
        {"station": [f"s{i}" for i in range(90)], "feature": FEATURES},
        ("station", "feature"),
    )
    found = bg.membership(posterior, arrays, probability=0.8)
    READ.clear()
    assert {each.chunks[0] for each in found.data_vars.values()} == {(40, 40, 10)}
    computed = found.compute(scheduler="synchronous")
    assert sorted(READ) == [10, 40, 40]  # once for all variables
    frame = pd.DataFrame(rows, arrays["station"].values, FEATURES)
    whole = bg.membership(posterior, frame, probability=0.8)
    xr.testing.assert_allclose(computed, whole, rtol=1e-12)
    assert computed["label"].identical(whole["label"])
    assert computed.attrs == whole.attrs


def test_rows_without_names_are_numbered():
    rows, posterior = tree()
    found = bg.membership(posterior, lazily(rows, 40))
    some = found["probability"][50:60].compute()
    expected = bg.membership(posterior, rows)["probability"][50:60]
    assert some.identical(expected)
    assert isinstance(found.indexes["obs_id"], pd.RangeIndex)  # of no size
    assert bg.confident_labels(found).attrs["n_decided"] > 0


def test_memberships_of_lazy_rows_know_gaps_and_noise():
    settings = {"method": "gibbs", "draws": 5, "tune": 5, "chains": 1, **QUIET_DRAWS}
    holes = X[:200].copy()
    holes[::7, 0] = np.nan
    noisy = bg.GaussianMixture(2, noise=True, random_state=0).fit(X[:200])
    for rows, told in ((holes, {"missing": "fiml"}), (X[:200], {"init": noisy})):
        posterior = bg.sample(rows, 2, **told, **settings)
        found = bg.membership(posterior, lazily(rows, 60)).compute()
        whole = bg.membership(posterior, rows)
        xr.testing.assert_allclose(found, whole, rtol=1e-12)
    assert (found["label"] == -1).any()


def test_memberships_of_lazy_rows_are_refused_where_labels_are_known():
    labels = np.where(np.arange(100) % 5, -1, TRUTH[:100])
    settings = {"method": "gibbs", "draws": 5, "tune": 5, "chains": 1, **QUIET_DRAWS}
    posterior = bg.sample(X[:100], 3, labels=labels, **settings)
    with pytest.raises(InputError, match="`X` must be in memory where labels"):
        bg.membership(posterior, lazily(X))
    with pytest.raises(InputError, match="2 features"):
        bg.membership(tree()[1], lazily(X[:, :1]))


# -- choosing ------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weights"])
def test_a_choice_among_rows_within_the_sample_is_that_in_memory(weight):
    asked = {"n_components": [1, 2, 3], "covariance_type": FAMILIES, **QUIET}
    whole = bg.select(X, sample_weight=weight, **asked)
    lazy = bg.select(lazily(X), sample_weight=weight, **asked)
    pd.testing.assert_frame_equal(lazy.table, whole.table, rtol=1e-8)
    assert lazy.choose("bic") == whole.choose("bic")
    np.testing.assert_allclose(lazy.best.means_, whole.best.means_, rtol=1e-8)
    assert str(lazy) == str(whole)


def log_joint(mixture, X):
    parts = zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    return np.column_stack(
        [np.log(w) + multivariate_normal(m, c).logpdf(X) for w, m, c in parts]
    )


@pytest.fixture(scope="module")
def of_few():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting_chunks, "SAMPLE_ROWS", 400)
        return bg.select(lazily(X), [1, 2, 3, 4], FAMILIES, **QUIET)


def test_the_table_of_a_sample_tells_of_all_rows(of_few):
    assert of_few.choose("bic") == (3, "VVI")
    table, one = of_few.table.set_index(KEY), {}
    for key, cell in sorted(of_few.cells.items()):
        mixture, row = cell.parameters, table.loc[key]
        joint = log_joint(mixture, X)
        rows = np.logaddexp.reduce(joint, axis=1)
        shares = np.exp(joint - rows[:, None])
        value, penalty = rows.sum(), mixture.n_parameters
        one.setdefault(key[1], value)
        doubt = -(shares * np.log(np.maximum(shares, 1e-300))).sum()
        nec = 1.0 if key[0] == 1 else doubt / (value - one[key[1]])
        bic = -2 * value + penalty * np.log(N)
        icl = bic - 2 * np.log(shares.max(axis=1)).sum()
        expected = [value, penalty, bic, -2 * value + 2 * penalty, icl, nec]
        names = ["log_likelihood", "n_parameters", "bic", "aic", "icl", "nec"]
        np.testing.assert_allclose(row[names].astype(float), expected, rtol=1e-10)


def test_no_cell_of_all_rows_is_below_what_it_contains(of_few):
    found = of_few.table.pivot(index=KEY[0], columns=KEY[1], values="log_likelihood")
    assert (np.diff(found, axis=0) > -1e-9).all()
    assert (found["VVV"] >= found["EEE"]).all()
    assert (found["VVV"] >= found["VVI"]).all()
    assert (of_few.table["status"] == "converged").all()


APART = X + 30.0 * np.array([[0, 0], [1, 0], [0, 1]])[TRUTH]


def cell_from(family, means, status=Status.CONVERGED):
    settings = {"covariance_type": family, "means_init": means}
    em = bg.GaussianMixture(3, **settings).fit(APART)
    found = em.parameters_, em.log_likelihood_
    return Cell(3, family, *found, status, False, "k-means++")


@pytest.mark.parametrize("status", [Status.CONVERGED, Status.COLLAPSED])
def test_a_cell_that_falls_short_begins_where_one_within_it_ended(status):
    truth = [APART[k == TRUTH].mean(axis=0) for k in range(3)]
    good = cell_from("EEE", truth)
    # Two components share a group, and one has two groups.
    poor = cell_from("VVV", [truth[0] - 0.5, truth[0] + 0.5, (truth[1] + truth[2]) / 2])
    assert poor.log_likelihood < good.log_likelihood - 100
    objective = check_chunked_grid(lazily(APART), 3, "VVV", 0)._objective("VVV")
    found = {(3, "VVV"): replace(poor, status=status)}
    cell = refine_cell(found, objective, Task(3, "VVV", (good,), None, ()))
    assert (cell.start, cell.status) == ("EEE, 3", Status.CONVERGED)
    expected = cell_from("VVV", truth).log_likelihood
    assert cell.log_likelihood == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("asked", "argument"),
    [({"criterion": "cv"}, "criterion"), ({"n_jobs": 0}, "n_jobs")],
)
def test_what_needs_rows_in_memory_is_refused(asked, argument):
    with pytest.raises(InputError, match=argument):
        bg.select(lazily(X), [1], ["EEE"], **asked, **QUIET)


def test_repeats_of_a_choice(of_few):
    with pytest.raises(InputError, match="`resample` must be False for lazy data"):
        of_few.stability(2, progress=False)
