"""What a fit is told to hold, and what it does where a component collapses."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.base import clone

from bayesgmm import GaussianMixture, conjugate_prior, datasets
from bayesgmm.em import Status
from bayesgmm.errors import CollapseWarning, ConvergenceWarning, InputError
from bayesgmm.parameters import MixtureParameters
from bayesgmm.restarts import Restarts


def numbers(name):
    return datasets.load(name).to_numpy(dtype=float)


def two_groups(seed=0, d=1):
    rng = np.random.default_rng(seed)
    near = rng.normal(size=(12, d))
    return np.r_[near, rng.normal(3.0, 0.7, size=(24, d))]


def log_likelihood(X, weights, means, covariances):
    rows = zip(weights, means, covariances, strict=True)
    joint = [np.log(w) + multivariate_normal.logpdf(X, m, c) for w, m, c in rows]
    return np.logaddexp.reduce(joint).sum()


# -- weights ---------------------------------------------------------------------------


def brute_force(X, weights, start):
    """Return the highest log-likelihood over two means and variances near a start."""

    def loss(free):
        variances = np.exp(free[2:]).reshape(-1, 1, 1)
        return -log_likelihood(X, weights, free[:2, None], variances)

    best = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 4000})
    polished = minimize(loss, best.x, method="BFGS", tol=1e-9)
    return -polished.fun, polished.x


@pytest.mark.parametrize(
    ("fixed", "weights"), [("equal", [0.5, 0.5]), ([0.2, 0.8], [0.2, 0.8])]
)
def test_fixed_weights_are_held_at_the_maximum_of_the_rest(fixed, weights):
    X = two_groups()
    em = GaussianMixture(2, fixed_weights=fixed, means_init=[[0.0], [3.0]]).fit(X)
    value, at = brute_force(X, weights, np.array([0.0, 3.0, 0.0, -0.7]))
    assert em.converged_
    assert_array_equal(em.weights_, weights)
    assert em.log_likelihood_ == pytest.approx(value, abs=1e-7)
    assert_allclose(em.means_[:, 0], at[:2], atol=1e-4)
    assert_allclose(em.covariances_[:, 0, 0], np.exp(at[2:]), rtol=1e-4)
    free = GaussianMixture(2, means_init=[[0.0], [3.0]]).fit(X)
    assert free.log_likelihood_ > em.log_likelihood_ + 0.1
    assert free.parameters_.n_parameters == 5
    assert em.parameters_.n_parameters == 4
    assert em.bic(X) == pytest.approx(-2 * value + 4 * np.log(36), abs=1e-5)


def test_components_of_equal_weight_have_one_order_and_fixed_ones_the_users():
    X = numbers("iris")
    a, b = (GaussianMixture(3, fixed_weights="equal", random_state=s) for s in (1, 2))
    assert a.fit(X).log_likelihood_ == pytest.approx(b.fit(X).log_likelihood_)
    assert_allclose(a.means_, b.means_, atol=1e-5)
    assert (np.diff(a.means_[:, 0]) > 0).all()
    em = GaussianMixture(3, fixed_weights=[0.2, 0.5, 0.3], random_state=0).fit(X)
    assert_array_equal(em.weights_, [0.2, 0.5, 0.3])


def test_equal_weights_hold_with_a_prior_and_plain_steps():
    X = numbers("faithful")
    for settings in ({"prior": "default"}, {"tol": 1e-8}):
        em = GaussianMixture(2, fixed_weights="equal", random_state=0, **settings)
        em.fit(X)
        assert em.converged_
        assert_array_equal(em.weights_, [0.5, 0.5])
        assert np.diff(em.lower_bounds_).min() > -1e-12


# -- components ------------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_frozen_components_do_not_move_and_the_others_are_at_their_maximum(
    covariance_type,
):
    X = two_groups(1, 2)
    means, covariances = np.array([[0.5, 0.5], [3.0, 3.0]]), np.array([1.0, 1.0])
    precisions = {
        "full": np.tile(np.eye(2), (2, 1, 1)),
        "diag": np.ones((2, 2)),
        "spherical": covariances,
    }[covariance_type]
    em = GaussianMixture(
        2,
        covariance_type=covariance_type,
        frozen=[0],
        means_init=means,
        precisions_init=precisions,
    ).fit(X)
    assert em.converged_
    assert_array_equal(em.means_[0], means[0])
    assert_array_equal(em.parameters_.covariances[0], np.eye(2))
    p = em.parameters_
    own = {"full": 3, "diag": 2, "spherical": 1}[covariance_type]
    assert p.n_parameters == 1 + 2 + own
    assert len(em.lower_bounds_) > 5  # it was accelerated, and still did not move

    def moved(weight, shift, factor):
        weights = np.array([weight, 1 - weight])
        others = p.covariances[1] * np.exp(factor)
        return log_likelihood(
            X, weights, [p.means[0], p.means[1] + shift], [p.covariances[0], others]
        )

    here = (p.weights[0], 0.0, 0.0)
    for place, step in ((0, 1e-5), (1, 1e-5), (2, 1e-5)):
        up, down = list(here), list(here)
        up[place] += step
        down[place] -= step
        assert (moved(*up) - moved(*down)) / (2 * step * len(X)) == pytest.approx(
            0.0, abs=1e-6
        )


def test_held_numbers_are_carried_with_the_parameters():
    X = two_groups()
    em = GaussianMixture(2, fixed_weights="equal", random_state=0).fit(X)
    p = em.parameters_
    assert p.n_held == 1
    assert p.permute([1, 0]).n_held == 1
    assert MixtureParameters.from_dict(p.to_dict()).n_parameters == p.n_parameters
    old = p.to_dict()
    del old["weights_held"], old["frozen"]
    assert MixtureParameters.from_dict(old).n_held == 0


def test_weights_may_be_held_at_an_array():
    X, weights = two_groups(), [0.25, 0.75]
    listed = GaussianMixture(2, fixed_weights=weights, random_state=0).fit(X)
    array = GaussianMixture(2, fixed_weights=np.array(weights), random_state=0).fit(X)
    assert_array_equal(array.means_, listed.means_)


def test_what_is_frozen_stays_so_in_another_order():
    em = GaussianMixture(2, frozen=np.array([0]), **VALUES).fit(two_groups())
    turned = em.align_to(em.parameters_.permute([1, 0])).parameters_
    assert em.parameters_.frozen == (0,)
    assert turned.frozen == (1,)
    assert_array_equal(turned.means[1], [0.0])
    assert turned.n_parameters == em.parameters_.n_parameters == 3
    assert MixtureParameters.from_dict(turned.to_dict()).frozen == (1,)


VALUES = {"means_init": [[0.0], [3.0]], "precisions_init": [[[1.0]], [[1.0]]]}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"fixed_weights": [0.5, 0.6]}, "sum of 1.1"),
        ({"fixed_weights": [0.0, 1.0]}, "smallest weight of 0"),
        ({"fixed_weights": [1.0]}, r"shape \(2,\)"),
        ({"fixed_weights": "even"}, "`fixed_weights` must be numbers"),
        ({"frozen": [0]}, "no `means_init` or no `precisions_init`"),
        ({"frozen": [0], "means_init": [[0.0], [3.0]]}, "Give both"),
        ({"frozen": [2], **VALUES}, "different numbers from 0 to 1"),
        ({"frozen": [0, 0], **VALUES}, "different numbers from 0 to 1"),
        (
            {
                "frozen": [0],
                **VALUES,
                "precisions_init": [[1.0]],
                "covariance_type": "tied",
            },
            "Choose `covariance_type` 'full', 'diag' or 'spherical'",
        ),
        ({"on_collapse": "repare"}, "Did you mean 'repair'"),
        ({"frozen": 1, **VALUES}, "`frozen` must be a sequence of whole numbers"),
        ({"frozen": None}, "`frozen` must be a sequence of whole numbers"),
        ({"frozen": [0.0], **VALUES}, "`frozen` must be a sequence of whole numbers"),
        ({"frozen": [True], **VALUES}, "`frozen` must be a sequence of whole numbers"),
    ],
)
def test_what_cannot_be_held_is_refused(settings, text):
    with pytest.raises(InputError, match=text):
        GaussianMixture(2, **settings).fit(two_groups())


# -- collapses -------------------------------------------------------------------------

REPEATED = [40, 41, 42, 43]


def with_repeated_rows():
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(size=(40, 2)), np.tile([[5.0, 5.0]], (4, 1))]


def fit_with(on_collapse, k=3, X=None, **settings):
    X = with_repeated_rows() if X is None else X
    em = GaussianMixture(
        k, on_collapse=on_collapse, n_init=3, random_state=0, **settings
    )
    with pytest.warns(CollapseWarning) as caught:
        em.fit(X)
    return em, str(caught[0].message)


def test_a_collapse_is_reported():
    em, text = fit_with("report")
    assert em.status_ is Status.COLLAPSED
    assert not em.converged_
    assert "(40, 41, 42, 43)" in text
    assert "those before the collapse" in text


def test_a_collapse_is_repaired_by_the_prior():
    em, text = fit_with("repair")
    assert em.status_ is Status.REPAIRED
    assert em.converged_
    assert "maximum a posteriori" in em.status_.value
    assert "(40, 41, 42, 43)" in text
    assert "prior repaired it" in text
    X = with_repeated_rows()
    given = {
        "means_init": em.means_,
        "weights_init": em.weights_,
        "precisions_init": em.precisions_,
    }
    mode = GaussianMixture(3, prior="default", **given).fit(X)
    assert mode.n_iter_ == 1
    assert_allclose(mode.means_, em.means_, atol=1e-6)
    prior = conjugate_prior(X, 3)
    posterior = mode.log_likelihood_ + prior.log_density(em.parameters_)
    assert em.lower_bound_ * len(X) == pytest.approx(posterior)


def test_a_collapsed_component_is_dropped():
    em, text = fit_with("drop", k=2, covariance_type="spherical")
    X = with_repeated_rows()
    assert em.status_ is Status.DROPPED
    assert em.converged_
    assert "dropped" in text
    assert "(40, 41, 42, 43)" in text
    assert em.parameters_.n_components == 1
    assert_allclose(em.weights_, [1.0])
    assert_allclose(em.means_, X.mean(axis=0)[None])
    assert em.predict_proba(X).shape == (44, 1)
    assert em.parameters_.n_parameters == 3


def test_dropping_keeps_what_is_held():
    X = with_repeated_rows()
    settings = {
        "means_init": [[5.0, 5.0], [0.0, 0.0], [1.0, 1.0]],
        "precisions_init": np.array([50.0, 1.0, 1.0]),
        "covariance_type": "spherical",
    }
    em, _ = fit_with("drop", X=X, frozen=[2], fixed_weights=[0.2, 0.6, 0.2], **settings)
    assert em.parameters_.n_components == 2
    assert_array_equal(em.means_[1], [1.0, 1.0])
    assert_allclose(em.weights_, [0.75, 0.25])
    assert em.parameters_.n_held == 1 + 3


@pytest.mark.parametrize("on_collapse", ["report", "repair", "drop"])
def test_a_run_without_a_collapse_wins(on_collapse):
    """Even one that is lower, or was cut short; objectives with a prior say nothing."""
    X = with_repeated_rows()
    collapsed = fit_with(on_collapse)[0].restarts_.best
    for status in (Status.CONVERGED, Status.ITERATION_LIMIT):
        low = GaussianMixture(2, covariance_type="tied", random_state=0).fit(X)
        low = replace(low.restarts_.best, status=status, objective=-1e6)
        for runs in ([low, collapsed], [collapsed, low]):
            assert Restarts.of(runs, 44.0, 44).best is low


def test_a_repair_that_was_cut_short_says_both():
    em = GaussianMixture(3, on_collapse="repair", n_init=1, random_state=0, max_iter=4)
    with pytest.warns() as caught:
        em.fit(with_repeated_rows())
    kinds = {w.category for w in caught}
    assert kinds == {CollapseWarning, ConvergenceWarning}
    assert em.status_ is Status.ITERATION_LIMIT


def test_labels_cannot_lose_their_component():
    labels, em = np.r_[0, 1, np.full(34, -1)], GaussianMixture(2, on_collapse="drop")
    with pytest.raises(InputError, match="keep all components where labels"):
        em.fit(two_groups(), labels=labels)


def test_settings_are_parameters_like_others():
    em = GaussianMixture(
        2, fixed_weights=[0.4, 0.6], on_collapse="drop", frozen=(), random_state=0
    )
    same = clone(em)
    assert same.get_params()["fixed_weights"] == [0.4, 0.6]
    a = same.fit(two_groups())
    b = pickle.loads(pickle.dumps(a))
    assert b.status_ is Status.CONVERGED
    assert b.parameters_.n_parameters == a.parameters_.n_parameters == 4
