"""Every covariance family is held against its definition by one checker.

Three letters say what components share: volumes, shapes and axes, in this order.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import expm
from some_slow import some_slow

from bayesgmm.covariances import FAMILIES, covariance_family
from bayesgmm.errors import InputError

K, D = 3, 4
LETTERS = {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}
SHAPES = {"full": (K, D, D), "tied": (D, D), "diag": (K, D), "spherical": (K,)}
NAMES = [*LETTERS, "EII", "EEI", "VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV"]
# Celeux and Govaert (1995), table 1: free numbers of the covariances.
HALF = D * (D + 1) // 2
N_PARAMETERS = {
    "EII": 1,
    "VII": K,
    "EEI": D,
    "VEI": K + D - 1,
    "EVI": K * D - K + 1,
    "VVI": K * D,
    "EEE": HALF,
    "VEE": HALF + K - 1,
    "EVE": HALF + (K - 1) * (D - 1),
    "VVE": HALF + (K - 1) * D,
    "EEV": K * HALF - (K - 1) * D,
    "VEV": K * HALF - (K - 1) * (D - 1),
    "EVV": K * HALF - (K - 1),
    "VVV": K * HALF,
}

families = pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda f: f.name)
some_names = pytest.mark.parametrize("name", some_slow(FAMILIES))


def letters_of(family):
    return LETTERS.get(family.name, family.name)


def scatters_and_counts(seed=0):
    rng = np.random.default_rng(seed)
    counts = np.array([7.5, 20.0, 31.25])
    rows = rng.normal(size=(K, 30, D)) @ rng.normal(size=(K, D, D))
    return np.einsum("kni,knj->kij", rows, rows), counts


def expected_complete_log_likelihood(covariances, scatters, counts):
    """Return what the M-step maximises, by definition, without constants."""
    return -0.5 * sum(
        n * np.linalg.slogdet(c)[1] + np.trace(np.linalg.solve(c, w))
        for c, w, n in zip(covariances, scatters, counts, strict=True)
    )


def build(letters, volumes, shapes, turns):
    """Return covariances of logs of volumes (K,) and shapes (K, D), turns (K, D, D)."""
    volume, shape, axes = (
        {"E": [part[0]] * K, "V": part, "I": [0.0 * part[0]] * K}[letter]
        for letter, part in zip(letters, (volumes, shapes, turns), strict=True)
    )
    covariances = []
    for v, s, t in zip(volume, shape, axes, strict=True):
        rotation = expm(t - t.T)
        covariances.append(rotation * np.exp(v + s - np.mean(s)) @ rotation.T)
    return np.array(covariances)


def random_parts(rng):
    return rng.normal(size=K), rng.normal(size=(K, D)), rng.normal(size=(K, D, D))


def random_member(family, rng):
    return build(letters_of(family), *random_parts(rng))


def belongs(letters, covariances):
    """Tell whether matrices are what three letters say."""
    volumes = np.linalg.det(covariances) ** (1 / D)
    scaled = covariances / volumes[:, None, None]
    shapes = np.linalg.eigvalsh(scaled)
    volume, shape, axes = letters
    checks = [volume == "V" or np.allclose(volumes, volumes[0])]
    if shape == "I":
        checks.append(np.allclose(scaled, np.eye(D)))
    if shape == "E":
        checks.append(np.allclose(shapes, shapes[0]))
    if axes == "I":
        checks.append(np.allclose(scaled, scaled * np.eye(D)))
    if axes == "E":
        swapped = scaled[:, None] @ scaled[None]
        checks.append(np.allclose(swapped, np.swapaxes(swapped, 0, 1)))
        checks.append(shape == "V" or np.allclose(scaled, scaled[0]))
    return all(checks)


def test_every_family_is_here():
    assert list(FAMILIES) == NAMES
    assert {letters_of(family) for family in FAMILIES.values()} == set(N_PARAMETERS)


@families
def test_names(family):
    assert FAMILIES[family.name] is family is covariance_family(family.name)
    assert family.mclust_name == letters_of(family)
    assert covariance_family(family.mclust_name) is family


@families
def test_n_parameters_by_definition(family):
    assert family.n_parameters(K, D) == N_PARAMETERS[letters_of(family)]


@families
def test_n_parameters_is_the_dimension_of_the_family(family):
    """The rank of the derivative of its definition."""
    rng, step = np.random.default_rng(1), 1e-6
    parts = random_parts(rng)
    slopes = []
    for part in parts:
        for place in np.ndindex(part.shape):
            ends = []
            for sign in (1, -1):
                moved = [np.array(p) for p in parts]
                next(m for m, p in zip(moved, parts, strict=True) if p is part)[
                    place
                ] += sign * step
                ends.append(build(letters_of(family), *moved).ravel())
            slopes.append((ends[0] - ends[1]) / (2 * step))
    rank = np.linalg.matrix_rank(np.array(slopes), tol=1e-6)
    assert rank == family.n_parameters(K, D)


@families
@pytest.mark.parametrize("seed", range(4))
def test_estimates_belong_to_the_family(family, seed):
    estimate = family.estimate(*scatters_and_counts(seed))
    assert estimate.shape == (K, D, D)
    assert belongs(letters_of(family), estimate)


@families
def test_members_are_estimated_as_they_are(family):
    """Scatters of a member are those of its own maximum."""
    member, counts = random_member(family, np.random.default_rng(8)), np.arange(3.0, 6)
    estimate = family.estimate(counts[:, None, None] * member, counts)
    assert belongs(letters_of(family), member)
    assert_allclose(estimate, member, rtol=1e-9, atol=1e-9 * np.abs(member).max())


@families
def test_compact_and_expand_undo_each_other(family):
    member = random_member(family, np.random.default_rng(2))
    compact = family.compact(member)
    assert compact.shape == SHAPES.get(family.name, (K, D, D))
    assert_allclose(family.expand(compact, K, D), member, rtol=1e-14)
    assert_allclose(family.compact(family.expand(compact, K, D)), compact, rtol=1e-14)


@families
def test_expand_shares_no_memory(family):
    compact = family.compact(random_member(family, np.random.default_rng(3)))
    before = compact.copy()
    family.expand(compact, K, D)[...] = 0.0
    assert_allclose(compact, before)


@families
@pytest.mark.parametrize("size", [1e-3, 1e-2, 0.3])
def test_no_member_near_the_estimate_is_more_likely(family, size):
    """A neighbour is the estimate of scatters that are a little different."""
    scatters, counts = scatters_and_counts()
    estimate = family.estimate(scatters, counts)
    best = expected_complete_log_likelihood(estimate, scatters, counts)
    rng = np.random.default_rng(4)
    for _ in range(30):
        roots = rng.normal(size=(K, D, D))
        others = roots @ np.swapaxes(roots, 1, 2) * np.trace(scatters[0])
        other = family.estimate((1 - size) * scatters + size * others, counts)
        assert belongs(letters_of(family), other)
        assert expected_complete_log_likelihood(other, scatters, counts) < best


@some_names
def test_no_random_member_is_more_likely(name):
    """Not even from far away: common axes have several local maxima."""
    family = FAMILIES[name]
    for seed in range(3):
        scatters, counts = scatters_and_counts(seed)
        estimate = family.estimate(scatters, counts)
        best = expected_complete_log_likelihood(estimate, scatters, counts)
        rng = np.random.default_rng(seed)
        for _ in range(300):
            turned = random_member(family, rng)
            axes = np.linalg.eigh(turned)[1]
            spreads = np.einsum("kji,kjl,kli->ki", axes, scatters, axes)
            letters = letters_of(family)
            if letters[2] == "E":  # members of the best spreads along these axes
                spreads = np.einsum("ji,kjl,li->ki", axes[0], scatters, axes[0])
                aligned = spreads[..., None] * np.eye(D)
                inner = covariance_family(letters[:2] + "I").estimate(aligned, counts)
                turned = axes[0] @ inner @ axes[0].T
            value = expected_complete_log_likelihood(turned, scatters, counts)
            assert value <= best + 1e-9 * abs(best)


@families
def test_a_component_without_rows_is_no_division_by_zero(family):
    scatters, counts = scatters_and_counts()
    scatters[1], counts[1] = 0.0, 0.0
    assert np.isfinite(family.estimate(scatters, counts)).all()


@families
def test_estimates_follow_the_units(family):
    """One factor for all features; where axes are free or features, one for each."""
    scatters, counts = scatters_and_counts()
    estimate = family.estimate(scatters, counts)
    assert_allclose(family.estimate(1e16 * scatters, counts), 1e16 * estimate)
    for factor in (2.0**-700, 2.0**700):
        scaled = family.estimate(factor * scatters, counts) / factor
        assert_allclose(scaled, estimate, rtol=1e-9, atol=1e-9 * np.abs(estimate).max())
    if letters_of(family) in ("VVV", "EEE", "VVI", "EEI", "VEI", "EVI", "VEE", "EVV"):
        units = np.diag([1e-6, 1.0, 1e3, 1e6])
        scaled = family.estimate(units @ scatters @ units, counts)
        expected = units @ estimate @ units
        sds = np.sqrt(np.diagonal(expected, axis1=1, axis2=2))
        limits = 1e-9 * sds[:, :, None] * sds[:, None, :]
        assert (np.abs(scaled - expected) <= limits).all()


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


@pytest.mark.parametrize(("name", "same"), [("E", "EEE"), ("V", "VVV")])
def test_mclusts_names_of_variances_are_for_one_feature(name, same):
    assert covariance_family(name, 1) is covariance_family(same)
    assert covariance_family(name).n_parameters(K, 1) == (1 if name == "E" else K)
    with pytest.raises(InputError, match=f"for 2 features; got '{name}'.*'{same}'"):
        covariance_family(name, 2)


def test_an_unknown_family_is_refused_with_a_suggestion():
    with pytest.raises(InputError, match=r"got 'spheric'\. Did you mean 'spherical'\?"):
        covariance_family("spheric")
