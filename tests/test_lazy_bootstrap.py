"""Replicates of fits to lazy rows: fits under weights drawn anew at every pass."""

import dask
import dask.array as da
import numpy as np
import pytest
from scipy.stats import gamma, kstest

import bayesgmm as bg
from bayesgmm import together
from bayesgmm.errors import ChunkError, InputError
from bayesgmm.lazy_replicates import draw_weights
from bayesgmm.together import run_together

N = 1500
SETTINGS = {"random_state": 3, "progress": False}


def draw(n=N):
    rng = np.random.default_rng(0)
    z = rng.choice(2, size=n, p=[0.6, 0.4])
    return np.array([[0.0, 0.0], [4.0, 1.0]])[z] + rng.normal(size=(n, 2))


X = draw()
MEANS = [[0.0, 0.0], [4.0, 1.0]]
EM = bg.GaussianMixture(2, means_init=MEANS).fit(X)
COUNTS = np.random.default_rng(1).integers(0, 4, size=N).astype(float)


def lazy(X=X, rows=400):
    return da.from_array(X, chunks=(rows, 2))


def entropy():
    """Return the numbers that `random_state` of 3 leads to."""
    return np.random.RandomState(3).randint(2**32, size=4, dtype=np.uint32).tolist()


@pytest.mark.parametrize("shape", [1.0, 2.5, 0.3])
def test_weights_are_gamma(shape):
    weight = draw_weights(5, 0, 0, np.full(20_000, shape))
    assert kstest(weight, gamma(shape).cdf).pvalue > 0.01


def test_weights_follow_from_places_and_differ_between_replicates():
    counts = np.random.default_rng(0).choice([0.0, 1.0, 2.0], size=1000)
    whole = draw_weights([1, 2], 7, 0, counts)
    parts = [(0, 1), (1, 6), (6, 501), (501, 1000)]
    cut = [draw_weights([1, 2], 7, a, counts[a:b]) for a, b in parts]
    np.testing.assert_array_equal(np.concatenate(cut), whole)
    assert (whole[counts == 0] == 0).all()
    other = draw_weights([1, 2], 8, 0, counts)[counts == 1]
    assert abs(np.corrcoef(other, whole[counts == 1])[0, 1]) < 0.2


@pytest.mark.parametrize("kind", ["frequency", "reliability"])
@pytest.mark.parametrize("weight", [None, COUNTS])
def test_a_replicate_is_the_fit_in_memory_under_the_same_weights(weight, kind):
    em = bg.GaussianMixture(2, means_init=MEANS, weight_kind=kind)
    em.fit(X, sample_weight=weight)
    found = bg.bootstrap(em, lazy(), n_replicates=3, sample_weight=weight, **SETTINGS)
    given = np.ones(N) if weight is None else weight
    counts, total = given, given.sum()
    if kind == "reliability":
        counts, total = (given > 0) * 1.0, given.sum() ** 2 / (given**2).sum()
    for number in range(3):
        drawn = draw_weights(entropy(), number, 0, counts)
        drawn = drawn * (given if kind == "reliability" else 1.0)
        again = bg.GaussianMixture(
            2,
            weights_init=em.weights_,
            means_init=em.means_,
            precisions_init=np.linalg.inv(em.covariances_),
        ).fit(X, sample_weight=drawn / drawn.sum() * total)
        ours = found["posterior"].isel(chain=0, draw=number)
        np.testing.assert_allclose(ours["means"], again.means_, atol=1e-8)
        np.testing.assert_allclose(ours["covariances"], again.covariances_, atol=1e-8)
        stats = found["sample_stats"].isel(chain=0, draw=number)
        assert float(stats["log_likelihood"]) == pytest.approx(again.log_likelihood_)


def test_workers_and_chunks_make_no_difference():
    settings = {"n_replicates": 4, **SETTINGS}
    found = []
    for scheduler in ({"scheduler": "synchronous"}, {"num_workers": 4}):
        with dask.config.set(**scheduler):
            found.append(bg.bootstrap(EM, lazy(), **settings)["posterior"]["means"])
    np.testing.assert_array_equal(*found)
    other = bg.bootstrap(EM, lazy(rows=333), **settings)["posterior"]["means"]
    np.testing.assert_allclose(other, found[0], atol=1e-8)


def test_replicates_share_passes():
    reads = []

    def read(block, block_info=None):
        if block_info:
            reads.append(block_info[0]["chunk-location"][0])
        return block

    found = bg.bootstrap(
        EM, lazy().map_blocks(read, dtype=float), n_replicates=10, **SETTINGS
    )
    steps = found["sample_stats"]["n_iter"].values
    # A survey, a sample, and as many passes as the slowest takes, whose leaps may fail.
    assert reads.count(0) <= 2 + 1.5 * steps.max() < steps.sum() / 3


@pytest.mark.slow
def test_spread_is_that_of_the_estimate():
    """A standard deviation of 100 replicates is known to 7%."""
    found = bg.bootstrap(EM, lazy(), n_replicates=100, **SETTINGS)
    errors = bg.standard_errors(EM, X, kind="sandwich")["means"]
    sd = found["posterior"]["means"].std(("chain", "draw"))
    np.testing.assert_allclose(sd, errors, rtol=0.35)
    summary = bg.bootstrap_summary(found, EM).sel(statistic="standard_error")
    np.testing.assert_allclose(summary["means"], sd, rtol=0.01)


def test_nothing_of_the_rows_is_kept():
    found = bg.bootstrap(EM, lazy(), n_replicates=3, **SETTINGS)
    sizes = [v.size for group in found.subtree for v in group.data_vars.values()]
    assert max(sizes) < 100
    assert found["posterior"].attrs["bootstrap"] == "weighted_likelihood"
    assert "approximate" in found["posterior"].attrs["stands_for"]


@pytest.mark.parametrize(
    ("argument", "value"), [("kind", "nonparametric"), ("labels", np.zeros(N))]
)
def test_what_needs_rows_is_refused(argument, value):
    with pytest.raises(InputError, match=f"`{argument}` must .* lazy data"):
        bg.bootstrap(EM, lazy(), **{argument: value})


def test_a_chunk_that_fails_in_the_middle_is_named():
    calls = []

    def fail(block, block_info=None):
        if block_info and block_info[0]["chunk-location"][0] == 2:
            calls.append(1)
            if len(calls) > 4:
                raise OSError("the disk is gone")
        return block

    rows = lazy().map_blocks(fail, dtype=float)
    with pytest.raises(ChunkError, match=r"Chunk 2 of 4.*the disk is gone"):
        bg.bootstrap(EM, rows, n_replicates=5, **SETTINGS)


def test_questions_are_answered_together(monkeypatch):
    """More tasks than run at once; the n-th asks n times, and the fifth fails."""
    monkeypatch.setattr(together, "AT_ONCE", 3)
    rounds = []

    def answer(questions):
        rounds.append(sorted(questions))
        return [2 * each for each in questions]

    def run(task, ask):
        return [ask(10 * task + i) for i in range(task)]

    found = run_together(run, range(5), answer)
    assert found == [[2 * (10 * n + i) for i in range(n)] for n in range(5)]
    assert rounds[0] == [10, 20, 30]
    assert sum(map(len, rounds)) == 10
    assert max(map(len, rounds)) == 3
    with pytest.raises(ZeroDivisionError):
        run_together(lambda task, _: 1 / (task - 2), range(5), answer)
