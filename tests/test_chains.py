"""`run_chains`: interrupts, chains that die, and what is kept of chains cut short."""

import _thread
import threading
import time

import numpy as np
import pytest

from bayesgmm.chains import run_chains
from bayesgmm.sampled import Settings, most_draws


def settings(chains=3, cores=2):
    return Settings(
        draws=10, tune=5, chains=chains, cores=cores, seed=1, progress=False
    )


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_every_chain_runs_once(cores):
    ran = run_chains(lambda chain, _: chain**2, settings(4, cores))
    assert ran == ({0: 0, 1: 1, 2: 4, 3: 9}, {}, False)


def test_a_chain_that_dies_leaves_the_others():
    def sample_chain(chain, _):
        return 1 / (chain - 1)

    results, failures, interrupted = run_chains(sample_chain, settings())
    assert results == {0: -1.0, 2: 1.0}
    assert list(failures) == [1]
    assert isinstance(failures[1], ZeroDivisionError)
    assert not interrupted


def test_the_first_error_is_raised_if_all_die():
    def sample_chain(chain, _):
        raise ValueError(f"chain {chain}")

    with pytest.raises(ValueError, match="chain 0"):
        run_chains(sample_chain, settings())


def test_an_interrupt_keeps_what_chains_have_and_begins_no_other():
    def sample_chain(chain, stop):
        if chain == 0:
            threading.Timer(0.2, _thread.interrupt_main).start()
        return stop.wait(20)

    before = time.perf_counter()
    results, failures, interrupted = run_chains(sample_chain, settings())
    assert results == {0: True, 1: True}
    assert failures == {}
    assert interrupted
    assert time.perf_counter() - before < 10


@pytest.mark.parametrize(
    ("lengths", "chains", "n_draws"),
    [
        ([5, 5], [0, 1], 5),
        ([10, 4, 9], [0, 2], 9),
        ([10, 4, 4, 4], [0, 1, 2, 3], 4),
        ([0, 7], [1], 7),
        ([0, 0], [], 0),
    ],
)
def test_most_draws_are_kept(lengths, chains, n_draws):
    kept, length = most_draws(lengths)
    np.testing.assert_array_equal(kept, chains)
    assert length == n_draws
