"""Posterior similarity against enumeration, counts, and every way to ask for it."""

import numpy as np
import pytest
import synthetic
import xarray as xr
from oracle_posterior import Enumerated

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.partitions import given, shares, similarity


@pytest.mark.parametrize("case", range(4))
def test_reference_draws_have_the_reference_similarity(golden, case):
    case = golden("partitions.json")["cases"][case]
    got = bg.similarity(case["draws"])
    np.testing.assert_allclose(got, case["psm"], atol=1e-12)
    assert got.dims == ("obs_id", "obs_id_bis")


@pytest.mark.parametrize("case", range(4))
def test_exact_draws_have_the_exact_similarity(golden, case):
    case = golden("exact_tiny_conjugate.json")["cases"][case]
    exact = Enumerated(case["data"], case["K"], case["alpha"], case["prior"])
    rng = np.random.default_rng(case["K"])
    n_draws = 20_000
    chains = [exact.draws(n_draws // 2, rng) for _ in range(2)]
    got = bg.similarity(synthetic.tree(np.array(case["data"]), chains, lp=False))
    p = np.clip(case["psm"], 0.0, 1.0)
    # Labels are averaged out, so this is more than the standard error.
    assert (abs(got - p) <= 1e-12 + 4.0 * np.sqrt(p * (1 - p) / n_draws)).all()


def test_no_draw_of_labels_is_left_out(monkeypatch):
    draws = np.random.default_rng(0).integers(4, size=(50, 7))
    monkeypatch.setattr(given, "MOST_COMPARED", 70)
    assert bg.partition(draws, n_runs=1).n_draws == 10  # as it says
    together = draws[:, :, None] == draws[:, None]
    np.testing.assert_allclose(bg.similarity(draws), together.mean(axis=0), atol=1e-12)


@pytest.fixture(scope="module")
def posterior():
    rng = np.random.default_rng(0)
    X = synthetic.observations(synthetic.TWO_GROUPS, 23, rng)
    chains = [synthetic.perturbed(synthetic.TWO_GROUPS, 40, rng, 0.3) for _ in "ab"]
    return synthetic.tree(X, chains)


@pytest.fixture(scope="module")
def direct(posterior):
    """The definition, draw by draw."""
    group, total = posterior["posterior"], 0.0
    X = posterior["constant_data"]["X"].values
    arrays = [group[name].values for name in ("weights", "means", "covariances")]
    for draw in zip(*(a.reshape(-1, *a.shape[2:]) for a in arrays), strict=True):
        p = np.exp(synthetic.joint(X, *draw))
        p /= p.sum(1, keepdims=True)
        total = total + p @ p.T / 80
    np.fill_diagonal(total, 1.0)
    return total


def test_it_is_the_definition_whatever_the_size_of_blocks(
    posterior, direct, monkeypatch
):
    for size in (2**25, 8 * 23 * 2 * 7, 1):
        monkeypatch.setattr(shares, "BLOCK_BYTES", size)
        np.testing.assert_allclose(bg.similarity(posterior), direct, atol=1e-12)


def test_pairs_are_entries_of_the_matrix(posterior, direct, monkeypatch):
    wanted = [(0, 5), (7, 7), (22, 3)]
    for size in (similarity.TILE_BYTES, 1):
        monkeypatch.setattr(similarity, "TILE_BYTES", size)
        got = bg.similarity(posterior, pairs=wanted)
        assert got["obs_id"].values.tolist() == [0, 7, 22]
        assert got["obs_id_bis"].values.tolist() == [5, 7, 3]
        at = tuple(np.transpose(wanted))
        np.testing.assert_allclose(got["similarity"], direct[at], atol=1e-12)


def test_many_rows_are_sampled_in_pairs(posterior, direct, monkeypatch):
    monkeypatch.setattr(similarity, "MOST_ROWS", 22)
    monkeypatch.setattr(similarity, "N_PAIRS", 300)
    got = bg.similarity(posterior, random_seed=1)
    assert got["similarity"].sizes == {"pair": 300}
    first, second = got["obs_id"].values, got["obs_id_bis"].values
    assert (first != second).all()
    assert len(set(zip(first, second, strict=True))) > 200
    np.testing.assert_allclose(got["similarity"], direct[first, second], atol=1e-12)


def test_sparse_ones_are_those_that_are_large_enough(posterior, direct, monkeypatch):
    for size in (similarity.TILE_BYTES, 8 * 23 * 5):
        monkeypatch.setattr(similarity, "TILE_BYTES", size)
        got = bg.similarity(posterior, sparse=0.3)
        assert got.format == "csr"
        expected = np.where(direct >= 0.3, direct, 0.0)
        assert 23 < got.nnz < 23**2
        np.testing.assert_allclose(got.toarray(), expected, atol=1e-12)


def test_known_labels_stay_where_they_were_learned(posterior):
    allowed = np.ones((23, 2), dtype=bool)
    allowed[:3] = [[True, False], [True, False], [False, True]]
    data = posterior["constant_data"].to_dataset()
    known = posterior.copy()
    rows = ("obs_id", "component")
    known["constant_data"] = xr.DataTree(data.assign(allowed=(rows, allowed)))
    got = bg.similarity(known).values
    assert got[0, 1] == 1.0
    assert got[0, 2] == 0.0
    X = data["X"].values
    np.testing.assert_array_equal(bg.similarity(known, X), got)
    others = bg.similarity(known, X[::-1]).values
    np.testing.assert_allclose(others[::-1, ::-1], bg.similarity(posterior), atol=1e-12)


def test_replicates_of_a_jackknife_are_refused(posterior):
    replicates = posterior.copy()
    replicates["posterior"].attrs["standard_error_factor"] = 3.0
    with pytest.raises(InputError, match="replicates of a jackknife"):
        bg.similarity(replicates)


def test_single_rows_and_draws():
    assert bg.similarity([[4]]).values.tolist() == [[1.0]]
    assert bg.similarity([[4, -1, 4]]).values[0].tolist() == [1.0, 0.0, 1.0]
    assert bg.similarity([[4]], pairs=2)["similarity"].values.tolist() == [1.0, 1.0]
    assert bg.similarity([[4, 4]], sparse=1.0).toarray().tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"pairs": 5, "sparse": 0.1}, "`sparse` must be left out where `pairs`"),
        ({"sparse": 0.0}, "`sparse` must be above 0 and at most 1"),
        ({"pairs": 0}, "`pairs` must be a whole number"),
        ({"pairs": [(0, 2)]}, "rows from 0 to 1; got a place that is no row"),
        ({"pairs": [0, 1]}, r"rows from 0 to 1; got int64 of shape \(2,\)"),
        ({"pairs": [(0.0, 1.0)]}, r"rows from 0 to 1; got float64 of shape \(1, 2\)"),
        ({"pairs": np.empty((0, 2), int)}, r"got int64 of shape \(0, 2\)"),
        ({"X": [[0.0]]}, "`X` must be left out where labels are given"),
    ],
)
def test_bad_input_is_refused(arguments, text):
    with pytest.raises(InputError, match=text):
        bg.similarity([[0, 1], [1, 1]], **arguments)
