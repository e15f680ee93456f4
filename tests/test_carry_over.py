"""Last year's posterior is this year's prior."""

import numpy as np
import pytest
import xarray as xr
from made_up import faithful_parameters, made_up_posterior
from scipy import stats

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.priors import Priors

DIMS = {
    "weights": ("component",),
    "means": ("component", "feature"),
    "covariances": ("component", "feature", "feature_bis"),
}
CONCENTRATION = np.array([1.2, 3.0, 0.8])
LOCATION = np.array([[0.0, 1.0], [5.0, -3.0], [2.0, 2.0]])
SPREAD = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
SCALE = np.array([[4.0, 1.0], [1.0, 9.0]])
N = 20_000


def tree(values, relabelled=True, **attrs):
    group = xr.Dataset(
        {name: (("chain", "draw", *DIMS[name]), x[None]) for name, x in values.items()},
        coords={"feature": ["length", "mass"][: values["means"].shape[-1]]},
        attrs=attrs,
    )
    groups = {"posterior": group}
    if relabelled:
        groups["relabelling"] = xr.Dataset()
    return xr.DataTree.from_dict(groups)


def draws(degrees=(40.0, 40.0, 40.0), diagonal=False, n=N):
    """Return draws from the very family that is matched, by SciPy."""
    rng = np.random.default_rng(3)
    covariances = np.zeros((n, 3, 2, 2))
    for k, nu in enumerate(degrees):
        if diagonal:
            for j in range(2):
                law = stats.invgamma(nu / 2, scale=(k + 1) * SCALE[j, j] / 2)
                covariances[:, k, j, j] = law.rvs(n, random_state=rng)
        else:
            law = stats.invwishart(nu, (k + 1) * SCALE)
            covariances[:, k] = law.rvs(n, random_state=rng)
    return {
        "weights": rng.dirichlet(CONCENTRATION, n),
        "means": LOCATION + SPREAD * rng.normal(size=(n, 3, 2)),
        "covariances": covariances,
    }


@pytest.mark.parametrize("diagonal", [False, True])
def test_priors_that_were_drawn_from_are_found(diagonal):
    """Errors of 20,000 draws: 4 % is 4 standard errors of a variance, or more."""
    found = Priors.from_posterior(tree(draws(diagonal=diagonal)))
    np.testing.assert_allclose(found.weights.concentration, CONCENTRATION, rtol=0.04)
    np.testing.assert_allclose(found.means.location, LOCATION, atol=4 * 0.6 / N**0.5)
    np.testing.assert_allclose(found.means.scale, SPREAD, rtol=0.04)
    assert found.covariances.degrees_of_freedom == pytest.approx(40.0, rel=0.05)
    ratio = found.covariances.scale / found.covariances.degrees_of_freedom
    scale = SCALE * np.eye(2) if diagonal else SCALE
    expected = np.arange(1, 4)[:, None, None] * scale / 40.0
    np.testing.assert_allclose(ratio, expected, rtol=0.04, atol=1e-3)
    assert found.feature_names == ("length", "mass")
    assert not found.is_exchangeable


def test_the_component_known_least_gives_the_degrees_of_freedom():
    found = Priors.from_posterior(tree(draws(degrees=(90.0, 30.0, 200.0))))
    assert found.covariances.degrees_of_freedom == pytest.approx(30.0, rel=0.06)


def test_discounted_priors_have_the_same_means_and_larger_variances():
    whole, half = (
        Priors.from_posterior(tree(draws(n=500)), discount=discount)
        for discount in (1.0, 0.5)
    )
    np.testing.assert_allclose(
        half.weights.concentration, whole.weights.concentration / 2
    )
    np.testing.assert_array_equal(half.means.location, whole.means.location)
    np.testing.assert_allclose(half.means.scale**2, 2 * whole.means.scale**2)
    variance = []
    for prior in (whole.covariances, half.covariances):
        shape = (prior.degrees_of_freedom - 1) / 2
        law = stats.invgamma(shape, scale=prior.scale[0, 0, 0] / 2)
        variance.append(law.stats("mv"))
    assert variance[1][0] == pytest.approx(float(variance[0][0]))
    assert variance[1][1] == pytest.approx(2 * float(variance[0][1]))


def test_one_component_has_no_weights_to_learn():
    one = {name: x[:, :1] for name, x in draws(n=50).items()}
    one["weights"][:] = 1.0
    found = Priors.from_posterior(tree(one))
    assert found.weights.concentration.shape == (1,)


def gibbs(x, prior, seed, n_sweeps=2200):
    """Draw by Gibbs: two groups in one feature, each part's own conditional."""
    rng = np.random.default_rng(seed)
    a, (m0, s0) = prior["concentration"], prior["means"]
    nu, scale = prior["covariances"]
    mean, variance, weight = np.array([2.0, 4.3]), np.full(2, 0.2), np.full(2, 0.5)
    kept = []
    for _ in range(n_sweeps):
        p = weight * stats.norm.pdf(x[:, None], mean, np.sqrt(variance))
        label = (rng.random(len(x)) < p[:, 1] / p.sum(axis=1)).astype(int)
        for k in range(2):
            mine = x[label == k]
            precision = 1 / s0[k] ** 2 + len(mine) / variance[k]
            centre = (m0[k] / s0[k] ** 2 + mine.sum() / variance[k]) / precision
            mean[k] = rng.normal(centre, precision**-0.5)
            rest = scale[k] + ((mine - mean[k]) ** 2).sum()
            variance[k] = rest / rng.chisquare(nu + len(mine))
        weight = rng.dirichlet(a + np.bincount(label, minlength=2))
        kept.append((weight, mean.copy(), variance.copy()))
    w, m, v = (np.array(part)[200:] for part in zip(*kept, strict=True))
    return {"weights": w, "means": m[..., None], "covariances": v[..., None, None]}


def as_given(priors):
    return {
        "concentration": priors.weights.concentration,
        "means": (priors.means.location[:, 0], priors.means.scale[:, 0]),
        "covariances": (
            priors.covariances.degrees_of_freedom,
            priors.covariances.scale[:, 0, 0],
        ),
    }


def test_half_the_data_after_the_other_half_is_all_data():
    x = bg.datasets.load("faithful")["eruptions"].to_numpy()
    vague = {
        "concentration": np.ones(2),
        "means": (np.array([2.0, 4.0]), np.full(2, 3.0)),
        "covariances": (3.0, np.full(2, 0.3)),
    }
    first = gibbs(x[::2], vague, 1)
    carried = as_given(Priors.from_posterior(tree(first)))
    both, all_at_once = gibbs(x[1::2], carried, 2), gibbs(x, vague, 3)
    alone = gibbs(x[1::2], vague, 4)
    gaps = {"carried": [], "alone": []}
    for name in ("weights", "means", "covariances"):
        truth = all_at_once[name]
        for kind, got in (("carried", both), ("alone", alone)):
            gap = np.abs(got[name].mean(0) - truth.mean(0)) / truth.std(0)
            gaps[kind].append(gap.max())
        ratio = both[name].std(0) / truth.std(0)
        assert (np.abs(np.log(ratio)) < 0.25).all(), name
    # In standard deviations of the posterior of all data, chance included.
    assert max(gaps["carried"]) < 0.35
    assert max(gaps["alone"]) > 2 * max(gaps["carried"])


@pytest.mark.parametrize("discount", [0, 1.5, "half", np.nan])
def test_a_discount_outside_zero_and_one_is_refused(discount):
    with pytest.raises(InputError, match="`discount` must be above 0 and at most 1"):
        Priors.from_posterior(tree(draws(n=10)), discount=discount)


def test_what_cannot_become_a_prior_is_refused():
    with pytest.raises(InputError, match=r"Pass `bayesgmm.relabel\(posterior\)`"):
        Priors.from_posterior(tree(draws(n=10), relabelled=False))
    with pytest.raises(InputError, match="replicates of a jackknife bootstrap"):
        Priors.from_posterior(tree(draws(n=10), bootstrap="jackknife"))
    with pytest.raises(InputError, match="draws of every parameter that differ"):
        Priors.from_posterior(tree(draws(n=1)))
    with pytest.raises(InputError, match=r"be an xarray\.DataTree"):
        Priors.from_posterior(draws(n=10))


def test_a_bootstrap_is_refused():
    X = bg.datasets.load("faithful")
    em = bg.GaussianMixture(2, random_state=0).fit(X)
    replicates = bg.bootstrap(em, X, n_replicates=3, random_state=0, progress=False)
    with pytest.raises(InputError, match="weighted_likelihood bootstrap"):
        Priors.from_posterior(replicates)


def test_a_relabelled_posterior_is_taken():
    em, X = faithful_parameters(), bg.datasets.load("faithful")
    posterior = bg.relabel(made_up_posterior(em, len(X)), reference=em, X=X)
    found = Priors.from_posterior(posterior)
    assert found.feature_names == ("eruptions", "waiting")
    np.testing.assert_allclose(found.means.location, em.means, rtol=0.02)
    with pytest.raises(InputError, match="or one for each of 3; got 2 of them"):
        bg.build_model(X, 3, priors=found)
