"""Every covariance family is held against its definition by one checker."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesgmm.covariances import FAMILIES, covariance_family
from bayesgmm.errors import InputError

K, D = 3, 4

# What a family is: free numbers of its covariances, and the test of membership.
DEFINITIONS = {
    "full": (K * D * (D + 1) // 2, lambda c: c.ndim == 3),
    "tied": (D * (D + 1) // 2, lambda c: np.allclose(c, c[0])),
    "diag": (K * D, lambda c: np.allclose(c, [np.diag(np.diag(m)) for m in c])),
    "spherical": (K, lambda c: np.allclose(c, [m[0, 0] * np.eye(D) for m in c])),
}
SHAPES = {"full": (K, D, D), "tied": (D, D), "diag": (K, D), "spherical": (K,)}
MCLUST = {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}

families = pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda f: f.name)


def scatters_and_counts(seed=0):
    rng = np.random.default_rng(seed)
    counts = np.array([7.5, 20.0, 31.25])
    rows = rng.normal(size=(K, 30, D)) * rng.uniform(0.5, 3.0, size=(K, 1, D))
    return np.einsum("kni,knj->kij", rows, rows), counts


def expected_complete_log_likelihood(covariances, scatters, counts):
    """Return what the M-step maximises, by definition, without constants."""
    return -0.5 * sum(
        n * np.linalg.slogdet(c)[1] + np.trace(np.linalg.solve(c, w))
        for c, w, n in zip(covariances, scatters, counts, strict=True)
    )


def random_member(family, rng):
    """Return random positive definite covariances of a family."""
    roots = rng.normal(size=(K, D, D))
    matrices = roots @ np.swapaxes(roots, 1, 2) + 0.1 * np.eye(D)
    return family.expand(family.compact(matrices), K, D)


def test_every_family_is_defined_here():
    assert set(FAMILIES) == set(DEFINITIONS)


@families
def test_names(family):
    assert FAMILIES[family.name] is family is covariance_family(family.name)
    assert family.mclust_name == MCLUST[family.name]


@families
def test_n_parameters_by_definition(family):
    assert family.n_parameters(K, D) == DEFINITIONS[family.name][0]


@families
def test_n_parameters_is_the_dimension_of_the_family(family):
    rng = np.random.default_rng(1)
    members = [random_member(family, rng).ravel() for _ in range(60)]
    assert np.linalg.matrix_rank(np.array(members)) == family.n_parameters(K, D)


@families
def test_estimates_belong_to_the_family(family):
    estimate = family.estimate(*scatters_and_counts())
    assert estimate.shape == (K, D, D)
    assert DEFINITIONS[family.name][1](estimate)


@families
def test_compact_and_expand_undo_each_other(family):
    member = random_member(family, np.random.default_rng(2))
    compact = family.compact(member)
    assert compact.shape == SHAPES[family.name]
    assert_allclose(family.expand(compact, K, D), member, rtol=1e-14)
    assert_allclose(family.compact(family.expand(compact, K, D)), compact, rtol=1e-14)


@families
def test_expand_shares_no_memory(family):
    compact = family.compact(random_member(family, np.random.default_rng(3)))
    before = compact.copy()
    family.expand(compact, K, D)[...] = 0.0
    assert_allclose(compact, before)


@families
@pytest.mark.parametrize("size", [1e-4, 1e-2, 0.3])
def test_no_member_near_the_estimate_is_more_likely(family, size):
    scatters, counts = scatters_and_counts()
    estimate = family.estimate(scatters, counts)
    best = expected_complete_log_likelihood(estimate, scatters, counts)
    rng = np.random.default_rng(4)
    for _ in range(100):
        other = (1 - size) * estimate + size * random_member(family, rng)
        value = expected_complete_log_likelihood(other, scatters, counts)
        assert value < best


@families
def test_the_slope_is_zero_at_the_estimate(family):
    scatters, counts = scatters_and_counts()
    estimate, rng, t = family.estimate(scatters, counts), np.random.default_rng(5), 1e-6
    for _ in range(20):
        direction = random_member(family, rng)
        up, down = (
            expected_complete_log_likelihood(estimate + s * direction, scatters, counts)
            for s in (t, -t)
        )
        assert (up - down) / (2 * t) == pytest.approx(0.0, abs=1e-5)


@families
def test_a_component_without_rows_is_no_division_by_zero(family):
    scatters, counts = scatters_and_counts()
    scatters[1], counts[1] = 0.0, 0.0
    assert np.isfinite(family.estimate(scatters, counts)).all()


@families
def test_n_rows_is_where_a_covariance_stops_being_singular(family):
    """The rows of one component are few; those of the others are plenty."""
    rng = np.random.default_rng(6)
    needed = family.n_rows(D)

    def rank(n_rows):
        scatters, counts = scatters_and_counts()
        rows = rng.normal(size=(n_rows, D))
        rows -= rows.mean(axis=0) if n_rows else 0.0
        scatters[0], counts[0] = rows.T @ rows, n_rows
        return np.linalg.matrix_rank(family.estimate(scatters, counts)[0], tol=1e-9)

    assert rank(needed) == D
    assert needed == 0 or rank(needed - 1) < D


def test_an_unknown_family_is_refused_with_a_suggestion():
    with pytest.raises(InputError, match=r"got 'spheric'\. Did you mean 'spherical'\?"):
        covariance_family("spheric")
