"""Posteriors of rows seen in part, against enumeration of what they may have been."""

from itertools import product

import numpy as np
import pytest
from judging import assert_similarity, conjugate_priors, read, together, z_score
from oracle_posterior import _moments, log_joints
from scipy.special import betaln, logsumexp

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.priors import Dirichlet

SETTINGS = {"draws": 2500, "tune": 200, "chains": 2, "random_seed": 4}
SAMPLERS = ["gibbs", pytest.param("nuts", marks=pytest.mark.slow)]
PLANE = {"m0": [1.5, 1.5], "kappa0": 0.3, "nu0": 5.0, "S0": [[1.0, 0.2], [0.2, 1.0]]}
LINE = {"m0": [1.5], "kappa0": 0.3, "nu0": 5.0, "S0": [[2.0]]}


def sample(method, X, prior, **given):
    priors = conjugate_priors({"prior": prior}, Dirichlet(1.0))
    settings = SETTINGS | {"progress": False, "priors": priors, "method": method}
    return bg.sample(X, 2, **settings, **given)


# One missing value, and a row that counts twice -------------------------------------

GAPPY = np.array([[0.0, 0.2], [0.6, np.nan], [2.5, 2.0], [3.0, 3.2]])
TWICE = np.array([2, 1, 1, 1])


def completed(grid):
    """Return p(value, allocation | observed) on a grid, and the allocations."""
    labels = np.array(list(product(range(2), repeat=5)))
    logs = []
    for value in grid:
        X = np.repeat(GAPPY, TWICE, axis=0)
        X[np.isnan(X)] = value
        logs.append(log_joints(X, labels, 2, 1.0, PLANE))
    return np.exp(logs - logsumexp(logs)), labels


@pytest.fixture(scope="module", params=SAMPLERS)
def gappy(request):
    return sample(request.param, GAPPY, PLANE, sample_weight=TWICE, missing="fiml")


def test_rows_with_a_gap_and_a_weight(gappy):
    p, labels = completed(np.linspace(-30, 33, 2001))
    same = labels[:, :, None] == labels[:, None]
    exact = np.einsum("ta,anm->nm", p, same)
    places = [0, 3, 4]
    pairs = together(GAPPY[[0, 2, 3]], *read(gappy))
    assert_similarity(pairs, exact[np.ix_(places, places)])


def test_imputations(gappy):
    grid = np.linspace(-30, 33, 2001)
    p = completed(grid)[0].sum(axis=1)
    drawn = bg.impute(gappy, random_seed=1)
    assert drawn.dims == ("chain", "draw", "missing")
    assert drawn["obs_id"].item() == 1
    assert drawn["feature"].item() == "x1"
    for edge in (0.0, 0.8, 2.5):
        below = (drawn.values[..., 0] < edge).astype(float)
        assert abs(z_score(below, p[grid < edge].sum())) < 4
    np.testing.assert_array_equal(drawn, bg.impute(gappy, random_seed=1))
    new = bg.impute(gappy, [[np.nan, 1.0], [2.0, 2.0], [np.nan, np.nan]])
    assert new["obs_id"].values.tolist() == [0, 2, 2]
    with pytest.raises(InputError, match="missing values"):
        bg.impute(gappy, [[1.0, 1.0]])


# Known labels, noise, and a row that counts twice -----------------------------------

ROWS = np.array([[0.0], [0.5], [2.0], [3.0], [4.5]])
COUNTS = np.array([1, 2, 1, 1, 1])
ALLOWED = np.ones((5, 2), dtype=bool)
ALLOWED[0], ALLOWED[3] = [True, False], [False, True]
VOLUME = 20.0


def told(noisy):
    """Return probabilities of the allocations, 2 for noise, that labels leave."""
    X, allowed = np.repeat(ROWS, COUNTS, axis=0), np.repeat(ALLOWED, COUNTS, axis=0)
    allowed = np.column_stack([allowed, allowed.all(axis=1) & noisy])
    labels = np.array(list(product(range(3), repeat=6)))
    labels = labels[allowed[np.arange(6), labels].all(axis=1)]
    logs, locations = [], []
    for each in labels:
        own, n_noise = each < 2, (each == 2).sum()
        log = log_joints(X[own], each[None, own], 2, 1.0, LINE)[0]
        locations.append(_moments(X[own], each[None, own], 2, LINE)[1][0, :, 0])
        if noisy:  # a priori Beta(1, 2)
            log += betaln(1 + n_noise, 2 + 6 - n_noise) - betaln(1, 2)
            log -= n_noise * np.log(VOLUME)
        logs.append(log)
    return np.exp(logs - logsumexp(logs)), labels, np.array(locations)


@pytest.mark.parametrize("method", SAMPLERS)
@pytest.mark.parametrize("noise", [None, VOLUME])
def test_known_labels_and_noise(method, noise):
    p, labels, locations = told(noise is not None)
    given = {"labels": ALLOWED, "sample_weight": COUNTS, "noise": noise}
    group = sample(method, ROWS, LINE, **given)["posterior"]
    counts = (labels[:, :, None] == np.arange(3)).sum(axis=1)
    relative = (1 + counts[:, :2]) / (2 + counts[:, :2].sum(1, keepdims=True))
    share = (1 + counts[:, 2]) / (3 + 6) if noise else 0.0 * p
    for k in range(2):
        weight = p @ ((1 - share) * relative[:, k])
        assert abs(z_score(group["weights"].values[..., k], weight)) < 4
        mean = p @ locations[:, k]
        assert abs(z_score(group["means"].values[..., k, 0], mean)) < 4
    if noise:
        assert abs(z_score(group["noise_weight"].values, p @ share)) < 4


def test_all_labels_known_is_the_posterior_of_groups():
    """Weights are Dirichlet and means Student, whatever a chain does."""
    labels = np.array([1, 1, 0, 0, 0])
    group = sample("gibbs", ROWS, LINE, labels=labels)["posterior"]
    weights = group["weights"].values
    assert abs(z_score(weights[..., 0], 4 / 7)) < 4
    assert abs(z_score(weights[..., 0] ** 2, 4 * 5 / (7 * 8))) < 4
    for k in range(2):
        own = ROWS[labels == k, 0]
        exact = (0.3 * 1.5 + own.sum()) / (0.3 + len(own))
        assert abs(z_score(group["means"].values[..., k, 0], exact)) < 4


# What all samplers promise ----------------------------------------------------------


def test_the_same_seed_gives_the_same_draws_whatever_the_cores():
    given = {"sample_weight": TWICE, "missing": "fiml"}
    some = SETTINGS | {"draws": 20, "tune": 5}
    priors = conjugate_priors({"prior": PLANE}, Dirichlet(1.0))
    one, two = (
        bg.sample(
            GAPPY, 2, method="gibbs", priors=priors, cores=cores, **some, **given
        )["posterior"]
        for cores in (1, 2)
    )
    for name in one.data_vars:
        np.testing.assert_array_equal(one[name], two[name])


def test_log_posterior_of_draws_with_noise():
    """`lp` is the likelihood of the recorded draw, and its prior with that of noise."""
    posterior = sample("gibbs", ROWS, LINE, noise=VOLUME)
    group, stats = posterior["posterior"], posterior["sample_stats"]
    w, m, v = (x[:, :, None] for x in read(posterior))
    gaps = ROWS[:, 0, None] - m[..., 0]
    v = v[..., 0, 0]
    logs = np.log(w) - 0.5 * (np.log(2 * np.pi * v) + gaps**2 / v)
    noise = np.log(group["noise_weight"].values / VOLUME)
    noise = np.broadcast_to(noise[..., None, None], (*logs.shape[:-1], 1))
    total = logsumexp(np.concatenate([logs, noise], axis=-1), axis=-1).sum(-1)
    np.testing.assert_allclose(stats["log_likelihood_total"], total)


def test_telescoping_takes_gaps_and_refuses_the_rest():
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(0, 1, (40, 2)), rng.normal(6, 1, (40, 2))])
    X[rng.random(80) < 0.3, 1] = np.nan
    few = {"method": "telescoping", "draws": 100, "tune": 20, "chains": 2}
    few |= {"progress": False, "random_seed": 1}
    sizes = bg.sample(X, missing="fiml", **few)["size"]["n_filled_probability"]
    assert sizes.values.argmax() + 1 == 2
    for argument, value in {"labels": np.zeros(80), "noise": True}.items():
        with pytest.raises(InputError, match=f"`{argument}` must not be used"):
            bg.sample(np.nan_to_num(X), **few, **{argument: value})
