"""Geweke's joint distribution test of the Gibbs samplers.

If data are drawn given parameters and parameters by a sweep given data, in turn, the
parameters must go on as the prior has them, whatever the sampler mixes like. Compared
are means of functions that do not depend on labels, and of their squares, with draws
of `Priors.draw`, which shares no code with the sweeps. Geweke (2004), *Getting it
right: joint distribution tests of posterior simulators*, JASA 99:799-804.

False alarms: 1e-4 for each case (Bonferroni over its functions).
"""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats

from bayesgmm.conjugate_form import (
    first_parameters,
    first_state,
    gibbs_prior,
    telescoping_prior,
    whole_scales,
)
from bayesgmm.covariances import covariance_family
from bayesgmm.kernels.sweeps import update
from bayesgmm.kernels.telescope import Tally, make_space, update_size
from bayesgmm.priors import (
    BetaNegativeBinomialSizes,
    Dirichlet,
    FDistribution,
    Gamma,
    HierarchicalInverseWishart,
    InverseWishart,
    NormalGammaMeans,
    NormalMeans,
    Priors,
    ScaledNormalMeans,
    StickBreaking,
    UniformSizes,
)
from bayesgmm.sweeping import Rows, draw_labels
from bayesgmm.target import Target
from bayesgmm.validation import check_table

FALSE_ALARM, N_ROWS = 1e-4, 6

D = 2
NAMES = ("a", "b")
SCALE = np.array([[6.0, 1.5], [1.5, 3.0]])
MEANS = {
    "normal": NormalMeans([1.0, -2.0], [1.5, 0.7]),
    "by_component": NormalMeans([[1.0, -2.0], [0, 0], [5, 5]], np.full((3, 2), 1.5)),
    "scaled": ScaledNormalMeans([1.0, -2.0], 0.6),
    "shrunk": NormalGammaMeans([1.0, -2.0], [2.0, 1.0], 4.0, 3.0),
}
COVARIANCES = {
    "wishart": InverseWishart(9.0, SCALE),
    "by_component": InverseWishart(9.0, np.stack([SCALE, np.eye(2), 2 * SCALE])),
    "hierarchical": HierarchicalInverseWishart(9.0, 6.0, SCALE / 6.0),
}
WEIGHTS = {
    "dirichlet": Dirichlet(0.8),
    "by_component": Dirichlet(np.array([0.5, 1.0, 2.5])),
    "gamma": Dirichlet(Gamma(4.0, 4.0)),
    "f": Dirichlet(FDistribution(8.0, 12.0), shared=True),
    "stick": StickBreaking(1.3),
    "stick_gamma": StickBreaking(Gamma(4.0, 3.0)),
}
FAMILIES = ("full", "tied", "diag", "spherical", "EEI", "EII")


def make_target(priors, covariance_type, k):
    rng = np.random.default_rng(0)
    table = check_table(rng.normal(size=(N_ROWS, len(priors.feature_names))))
    family = covariance_family(covariance_type, table.n_features)
    return Target(table, k, family, priors, None, (), None)


def functions(values):
    """Return numbers that do not depend on labels, one row a draw."""
    w, m, s = values["weights"], values["means"], values["covariances"]
    x, y = m - np.array([1.0, -2.0]), np.log(np.diagonal(s, axis1=-2, axis2=-1))
    parts = [
        (w**2).sum(-1, keepdims=True),
        w.max(-1, keepdims=True),
        np.einsum("tk,tki->ti", w, np.tanh(x)),
        np.tanh(x / 3).mean(1),
        (np.tanh(x) ** 2).mean(1),
        y.mean(1),
        np.einsum("tk,tki->ti", w, y),
        (np.tanh(x) * y).mean(1),
        np.tanh(s[:, :, 0, -1]).mean(1)[:, None],
        np.tanh(x[:, :, 0] * x[:, :, -1]).mean(1)[:, None],
    ]
    for name in ("concentration", "means_spread"):
        if name in values:
            parts.append(np.log(values[name]).reshape(len(w), -1))
    if "covariances_scale" in values:
        scale = values["covariances_scale"]
        parts.append(np.log(np.diagonal(scale, axis1=-2, axis2=-1)))
        parts.append(np.tanh(scale[:, 0, -1:] / 5))
    first = np.concatenate(parts, axis=1)
    return np.concatenate([first, first**2], axis=1)


def state_values(state, target, k):
    now = state.components
    return {
        "weights": np.exp(state.log_weights[:k]),
        "means": now.means[:k].copy(),
        "covariances": now.lower[:k] @ np.swapaxes(now.lower[:k], 1, 2),
        "concentration": state.concentration[0],
        "means_spread": now.spread.copy(),
        "covariances_scale": whole_scales(now.scale[0].copy(), target.family),
    }


def simulate(state, k, rng):
    now, weights = state.components, np.exp(state.log_weights[:k])
    z = rng.choice(k, size=N_ROWS, p=weights / weights.sum())
    noise = rng.normal(size=(N_ROWS, now.means.shape[1]))
    return now.means[z] + np.einsum("nij,nj->ni", now.lower[z], noise)


def successive(target, n_draws, sweep, largest, rng, burn=300):
    """Draw data given the state and the state given data, in turn."""
    state = first_state(target, first_parameters(target, rng), largest)
    sweep = sweep(state, rng)
    k, drawn = target.n_components, []
    for t in range(n_draws + burn):
        rows = Rows(simulate(state, k, rng), np.empty(0), N_ROWS, 0)
        draw_labels(rows, state, k, rng)
        k = sweep()
        if t >= burn:
            drawn.append(state_values(state, target, k))
    return drawn


def assert_same(ours, exact):
    """Compare means of a chain with means of independent draws."""
    keep = exact.std(0) > 1e-9
    ours, exact = ours[:, keep], exact[:, keep]
    size = [
        array_stats.ess(x[None], chain_axis=0, draw_axis=1, method="mean")
        for x in ours.T
    ]
    error = np.sqrt(ours.var(0) / size + exact.var(0) / len(exact))
    z = (ours.mean(0) - exact.mean(0)) / error
    limit = stats.norm.isf(FALSE_ALARM / 2 / len(z))
    assert np.abs(z).max() < limit, np.round(z, 1)
    assert min(size) > 100


def check_gibbs(priors, covariance_type, n_draws=6000, seed=1):
    target, rng = make_target(priors, covariance_type, 3), np.random.default_rng(seed)
    prior = gibbs_prior(target)

    def sweep(state, rng):
        def run():
            update(rng, prior, state)
            return 3

        return run

    drawn = successive(target, n_draws, sweep, 3, rng)
    exact = priors.draw(rng, 20_000, 3, target.family)
    stacked = {name: np.stack([one[name] for one in drawn]) for name in exact}
    assert_same(functions(stacked), functions(exact))


CASES = [("dirichlet", "scaled", "wishart", family) for family in FAMILIES]
CASES += [("dirichlet", "normal", "hierarchical", family) for family in FAMILIES]
CASES += [(weights, "normal", "wishart", "diag") for weights in WEIGHTS]
CASES += [
    ("gamma", "shrunk", "hierarchical", "full"),
    ("dirichlet", "shrunk", "wishart", "spherical"),
    ("dirichlet", "scaled", "hierarchical", "full"),
    ("dirichlet", "by_component", "wishart", "full"),
    ("dirichlet", "normal", "by_component", "full"),
    ("stick", "by_component", "by_component", "diag"),
]
QUICK = [CASES[0], CASES[7], CASES[-6], CASES[-1]]


def build(weights, means, covariances, sizes=None):
    parts = WEIGHTS[weights], MEANS[means], COVARIANCES[covariances]
    return Priors(*parts, NAMES, sizes)


@pytest.mark.parametrize("case", QUICK, ids="-".join)
def test_gibbs_keeps_the_prior(case):
    check_gibbs(build(*case[:3]), case[3], n_draws=4000)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_gibbs_keeps_the_prior_long(case):
    check_gibbs(build(*case[:3]), case[3], n_draws=30_000, seed=2)


# Unknown number of components ------------------------------------------------------

SIZES = {
    "uniform": UniformSizes(5),
    "heavy": BetaNegativeBinomialSizes(1, 4, 3),
}


def mean_functions(values, k):
    """Return functions of one draw of k components, the number's own among them."""
    one = {name: np.asarray(value)[None] for name, value in values.items()}
    return np.concatenate([functions(one)[0], np.eye(5)[min(k, 5) - 1], [np.log(k)]])


def check_telescoping(priors, covariance_type, n_draws, seed=1):
    target, rng = make_target(priors, covariance_type, 2), np.random.default_rng(seed)
    largest = 5 if isinstance(priors.n_components, UniformSizes) else 60
    prior = telescoping_prior(priors, target.family, largest)
    names = list(priors.draw(rng, 1, 2, target.family))

    def sweep(state, rng):
        tally = Tally(np.zeros(largest), np.zeros(largest), np.array([2, 2]))
        space = make_space(prior, state.concentration[0], N_ROWS)

        def run():
            update_size(rng, prior, state, tally, space, N_ROWS)
            return int(tally.size[0])

        return run

    drawn = successive(target, n_draws, sweep, largest, rng)
    ours = [
        mean_functions({name: one[name] for name in names}, len(one["weights"]))
        for one in drawn
    ]
    p = np.exp(priors.n_components.log_probabilities(largest))
    exact = []
    for k, times in enumerate(rng.multinomial(10_000, p), start=1):
        some = priors.draw(rng, times, k, target.family)
        for t in range(times):
            one = {name: value[t] for name, value in some.items()}
            exact.append(mean_functions(one, k))
    assert_same(np.array(ours), np.array(exact))


UNKNOWN = [("dirichlet", "normal", "wishart", "diag", "uniform")]
UNKNOWN += [("f", "normal", "hierarchical", "full", "heavy")]
UNKNOWN += [("gamma", "shrunk", "hierarchical", "spherical", "heavy")]
UNKNOWN += [("f", "scaled", "wishart", family, "heavy") for family in FAMILIES]
UNKNOWN += [("dirichlet", "normal", "hierarchical", x, "uniform") for x in FAMILIES]


@pytest.mark.parametrize("case", UNKNOWN[:2], ids="-".join)
def test_telescoping_keeps_the_prior(case):
    check_telescoping(build(*case[:3], SIZES[case[4]]), case[3], 4000)


@pytest.mark.slow
@pytest.mark.parametrize("case", UNKNOWN, ids="-".join)
def test_telescoping_keeps_the_prior_long(case):
    check_telescoping(build(*case[:3], SIZES[case[4]]), case[3], 30_000, seed=2)
