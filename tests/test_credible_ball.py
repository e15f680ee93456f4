"""Credible balls hold the probability that they state, in simulation."""

import numpy as np
import oracle_partitions as oracle
import pytest
from oracle_posterior import Enumerated

import bayesgmm as bg

PROBABILITY = 0.8
PRIOR = {"m0": [0.0], "kappa0": 0.1, "nu0": 4.0, "S0": [[2.0]]}


def test_it_holds_new_draws_as_often_as_it_says():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([0.3, 0.3, 0.3], size=60)
    draws = (rng.random((4000, 60, 1)) > p.cumsum(axis=1)).sum(axis=2)
    found = bg.partition(draws[:2000], probability=PROBABILITY, n_runs=4)
    apart = np.array([oracle.vi(found.labels.values, draw) for draw in draws])
    within = apart <= found.ball.radius + 1e-9
    assert within[:2000].mean() == found.ball.mass >= PROBABILITY
    assert np.mean(apart[:2000] < found.ball.radius - 1e-9) < PROBABILITY
    # Both shares are of 2000 draws. False alarm: 0.006 %.
    error = np.sqrt(2 * PROBABILITY * (1 - PROBABILITY) / 2000)
    assert abs(within[2000:].mean() - found.ball.mass) < 4.0 * error


def from_the_prior(rng, n):
    """Draw a mixture of two, labels and observations."""
    labels = (rng.random(n) > rng.beta(1.0, 1.0)).astype(int)
    variances = PRIOR["S0"][0][0] / rng.chisquare(PRIOR["nu0"], size=2)
    means = rng.normal(0.0, np.sqrt(variances / PRIOR["kappa0"]))
    x = rng.normal(means[labels], np.sqrt(variances[labels]))
    return labels, x[:, None]


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["vi", "binder"])
def test_it_holds_the_truth_as_often_as_the_posterior_says(loss):
    rng = np.random.default_rng(1)
    distance, inside, masses, stated = oracle.LOSSES[loss], [], [], []
    for _ in range(300):
        truth, X = from_the_prior(rng, 7)
        exact = Enumerated(X, 2, 1.0, PRIOR)
        chosen = rng.choice(len(exact.labels), 1000, p=exact.probabilities)
        found = bg.partition(
            exact.labels[chosen], loss=loss, probability=PROBABILITY, n_runs=4
        )
        centre, radius = found.labels.values, found.ball.radius + 1e-9
        all_apart = [distance(centre, labels) for labels in exact.labels]
        masses.append(exact.probabilities[np.array(all_apart) <= radius].sum())
        inside.append(distance(centre, truth) <= radius)
        stated.append(found.ball.mass)
    masses = np.array(masses)
    # Labels of so few rows are discrete: balls hold more than was asked for.
    assert min(stated) >= PROBABILITY
    assert abs(np.mean(masses - stated)) < 0.005
    # False alarm: 0.006 %.
    assert abs(sum(inside) - masses.sum()) < 4.0 * np.sqrt(
        (masses * (1 - masses)).sum()
    )
