"""What every method of `sample` does alike: seeds, cores, interrupts, dying chains.

The methods are those of the tables: a new one is tested here without another line.
"""

import _thread
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from some_slow import some_slow

import bayesgmm as bg
from bayesgmm import cavi, chains
from bayesgmm.errors import InputError, PosteriorWarning
from bayesgmm.marginal import advi, run
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.sampling import CONJUGATE

NEEDS = {"nuts_numpyro": "numpyro", "nuts_blackjax": "blackjax"}
# JAX compiles for seconds in each run, and the others take thousands of steps.
SLOW = (*NEEDS, "advi", "fullrank_advi", "smc")
METHODS = [
    pytest.param(method, marks=[pytest.mark.slow] * (method in SLOW))
    for method in [*run.METHODS, *CONJUGATE]
]
# Methods of one chain of independent draws. All others run chains, or paths.
WITHOUT_CHAINS = ("advi", "fullrank_advi", "laplace", "cavi")
OF_CHAINS = [one for one in METHODS if one.values[0] not in WITHOUT_CHAINS]

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*rough:bayesgmm.errors.PosteriorWarning"
)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(4)
    X = np.repeat([[0.0, 0.0], [6.0, 3.0]], 40, axis=0) + rng.standard_normal((80, 2))
    em = bg.GaussianMixture(2, random_state=0).fit(X)
    return X, bg.build_model(X, 2, init=em)


@pytest.fixture(scope="module")
def draw(model):
    X, built = model

    def sample(method, **settings):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(advi, "N_ITERATIONS", 2_000)
            settings = {"draws": 100, "tune": 60, "chains": 3} | settings
            what = (X, 2) if method in CONJUGATE else (built,)
            settings = {"random_seed": 3, "progress": False} | settings
            return bg.sample(*what, method=method, **settings)

    return sample


@pytest.fixture(scope="module")
def whole(draw):
    """Draws of every method, one chain after the other and undisturbed."""
    made = {}

    def get(method):
        if method not in made:
            made[method] = draw(method, cores=1)
        return made[method]

    return get


def largest_weights(posterior):
    """What labels cannot change, and of which hardly any two draws have the same."""
    return posterior["posterior"]["weights"].max("component").values


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_draws_whatever_the_cores(method, whole, draw):
    expected = largest_weights(whole(method))
    assert np.isfinite(expected).all()
    again = draw(method, cores=3)
    np.testing.assert_array_equal(largest_weights(again), expected)
    for name, values in whole(method)["posterior"].data_vars.items():
        np.testing.assert_array_equal(again["posterior"][name], values)
    assert len(np.unique(expected)) > 0.5 * expected.size


@pytest.mark.parametrize("method", ["nuts", "gibbs", "laplace", "cavi"])
def test_another_seed_gives_other_draws(method, whole, draw):
    other = largest_weights(draw(method, cores=1, random_seed=4))
    assert not np.isin(other, largest_weights(whole(method))).any()


class Disturbed(ThreadPoolExecutor):
    """Threads in which something happens as chain 1 begins."""

    def submit(self, sample_chain, chain, stop):
        def run(chain, stop):
            if chain == 1:
                self.disturb(stop)
            return sample_chain(chain, stop)

        return super().submit(run, chain, stop)


class Interrupted(Disturbed):
    def disturb(self, stop):
        _thread.interrupt_main()
        assert stop.wait(20)


class Dying(Disturbed):
    def disturb(self, _):
        raise FloatingPointError("made to fail")


@pytest.mark.parametrize("method", OF_CHAINS)
def test_an_interrupt_keeps_the_chains_that_are_done(method, whole, draw, monkeypatch):
    expected = largest_weights(whole(method))
    monkeypatch.setattr(chains, "ThreadPoolExecutor", Interrupted)
    with pytest.warns(PosteriorWarning, match="interrupted: 100 of 100 draws in 1 of"):
        kept = draw(method, cores=1)
    if kept["posterior"].attrs["approximate"]:
        assert np.isin(largest_weights(kept), expected).any()
    else:
        np.testing.assert_array_equal(largest_weights(kept), expected[:1])


@pytest.mark.parametrize("method", OF_CHAINS)
def test_a_chain_that_dies_leaves_the_others(method, whole, draw, monkeypatch):
    monkeypatch.setattr(chains, "ThreadPoolExecutor", Dying)
    with pytest.warns(PosteriorWarning, match="Chain 1 died .* FloatingPointError: ma"):
        kept = draw(method, cores=2)
    expected = largest_weights(whole(method))
    if kept["posterior"].attrs["approximate"]:
        assert kept["posterior"].sizes["draw"] == 200
    else:
        np.testing.assert_array_equal(largest_weights(kept), expected[[0, 2]])


@pytest.mark.parametrize("method", some_slow(["advi", "laplace"], ["laplace"]))
def test_an_interrupt_keeps_the_draws_that_know_their_weight(method, draw, monkeypatch):
    """These draw at once; what takes time then is the posterior at the draws."""
    compiled = FlatModel.log_posterior

    def interrupted(flat, rows=None):
        function, calls = compiled(flat, rows), iter(range(10**9))

        def count(x):
            if next(calls) == 250:
                raise KeyboardInterrupt
            return function(x)

        return count

    monkeypatch.setattr(FlatModel, "log_posterior", interrupted)
    with pytest.warns(PosteriorWarning, match="Sampling was interrupted"):
        kept = draw(method)
    assert 20 < kept["posterior"].sizes["draw"] <= 250
    assert np.isfinite(largest_weights(kept)).all()


def test_an_interrupt_keeps_the_best_ascent_so_far(draw, monkeypatch):
    """Of `cavi`, whose starts are climbed from one after the other."""
    found, ascend = [], cavi.ascend

    def interrupted(*arguments):
        if len(found) == 2:
            raise KeyboardInterrupt
        found.append(ascend(*arguments))
        return found[-1]

    monkeypatch.setattr(cavi, "ascend", interrupted)
    with pytest.warns(PosteriorWarning, match="Sampling was interrupted"):
        kept = draw("cavi")
    best = max(run.bounds[-1] for run in found)
    assert kept["posterior"].attrs["elbo"] == best


@pytest.mark.parametrize("method", sorted(NEEDS))
def test_what_is_not_installed_is_named(method, draw, monkeypatch):
    from bayesgmm.marginal import nuts_stepwise

    monkeypatch.setattr(nuts_stepwise, "find_spec", lambda _: None)
    with pytest.raises(InputError) as error:
        draw(method)
    assert str(error.value) == (
        f"`method` must be one whose packages are installed; got '{method}' without "
        f"jax and {NEEDS[method]}. Install them with `pip install 'bayesgmm[jax]'`, "
        "or use 'nuts'."
    )
