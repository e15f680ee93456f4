"""Equal rows put together for users, in memory and lazy: nothing is lost."""

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

import bayesgmm as bg
from bayesgmm import compressed
from bayesgmm.errors import InputError

N = 4000


def grey(n=N, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.poisson(5, (n // 2, 2)), rng.poisson(15, (n // 2, 2))])


X = grey()
WEIGHT = np.random.default_rng(1).integers(0, 4, size=N)


def lazy(X, rows=700):
    return da.from_array(X, chunks=(rows, X.shape[1]))


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("given", [X, lazy(X), lazy(X, N)], ids=["all", "6", "1"])
def test_distinct_rows_and_their_weights_are_those_of_numpy(given, weight):
    found = bg.compress(given, weight)
    repeated = X if weight is None else np.repeat(X, weight, axis=0)
    rows, counts = np.unique(repeated, axis=0, return_counts=True)
    order = np.lexsort(found.rows.T[::-1])
    np.testing.assert_array_equal(found.rows[order], rows)
    np.testing.assert_array_equal(found.sample_weight[order], counts)
    assert str(found).startswith(f"4,000 rows, {len(rows)} distinct: exact.")


def test_chunks_make_no_difference():
    found = [bg.compress(each).rows for each in (X, lazy(X), lazy(X, 64))]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_names_are_kept():
    frame = pd.DataFrame(X, columns=["red", "green"])
    for given in (frame, dd.from_pandas(frame, npartitions=3)):
        assert list(bg.compress(given).rows.columns) == ["red", "green"]


def test_the_fit_is_that_of_all_rows():
    few = bg.compress(lazy(X))
    whole = bg.GaussianMixture(2, random_state=0).fit(X)
    em = bg.GaussianMixture(2, means_init=whole.means_)
    em.fit(few.rows, sample_weight=few.sample_weight)
    assert em.log_likelihood_ == pytest.approx(whole.log_likelihood_, rel=1e-10)
    assert em.bic(few.rows, few.sample_weight) == pytest.approx(whole.bic(X), rel=1e-10)
    np.testing.assert_allclose(em.means_, whole.means_, rtol=1e-6)


def test_the_posterior_is_that_of_all_rows():
    """Of the priors by default as well, which are scaled to the data."""
    few = bg.compress(X)
    given = [(X, None), (few.rows, few.sample_weight)]
    whole, ours = [str(bg.default_priors(x, 2, sample_weight=w)) for x, w in given]
    assert whole == ours


@pytest.mark.parametrize(
    "given", [np.arange(8.0)[:, None], lazy(np.arange(8.0)[:, None], 3)]
)
def test_rows_that_differ_are_refused(given):
    with pytest.raises(InputError, match=r"8 rows of which 8 differ.*coreset"):
        bg.compress(given)


def test_too_many_distinct_rows_are_refused_while_they_are_read(monkeypatch):
    monkeypatch.setattr(compressed, "MOST_ROWS", 10)
    with pytest.raises(InputError, match="more than 10 different"):
        bg.compress(lazy(X))


def test_a_gap_is_named_with_its_chunk():
    bad = X.astype(float)
    bad[1500, 1] = np.nan
    with pytest.raises(InputError, match=r"row 100, .* chunk 2 of 6"):
        bg.compress(lazy(bad))
