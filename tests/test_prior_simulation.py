"""What priors say before data, against formulas and every partition of a few rows."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import gammaln

import bayesgmm as bg
from bayesgmm import priors as parts
from bayesgmm.errors import InputError

DRAWS = 20_000


def priors(weights, n_components=None, scale=None):
    means = parts.NormalMeans([0.0], [1.0] if scale is None else scale)
    return parts.Priors(
        weights, means, parts.InverseWishart(3.0, [[1.0]]), ("x",), n_components
    )


def simulate(weights, k=None, n=6, sizes=None, draws=DRAWS):
    return priors(weights, sizes).simulate(k, n, n_draws=draws, random_seed=1)


def partitions(n):
    """Yield the sizes of the groups of every partition of n rows: growing labels."""

    def grow(labels):
        if len(labels) == n:
            yield np.bincount(labels)
            return
        for label in range(max(labels) + 2):
            yield from grow([*labels, label])

    yield from grow([0])


def log_partition(counts, k, e):
    """Return log p(partition | k components, Dirichlet(e)), labels summed out."""
    t, n = len(counts), sum(counts)
    if t > k:
        return -np.inf
    total = gammaln(k + 1) - gammaln(k - t + 1) + gammaln(k * e) - gammaln(k * e + n)
    return total + sum(gammaln(e + c) - gammaln(e) for c in counts)


def filled(n, sizes, concentration):
    """Return exact p(filled) of 1..n, entropy and largest share, by enumeration."""
    probabilities, entropy, largest, total = np.zeros(n), 0.0, 0.0, 0.0
    for counts in partitions(n):
        p = sum(
            weight * np.exp(log_partition(counts, k, concentration(k)))
            for k, weight in enumerate(sizes, start=1)
        )
        shares = counts / n
        probabilities[len(counts) - 1] += p
        entropy -= p * np.sum(shares * np.log(shares))
        largest += p * shares.max()
        total += p
    assert total == pytest.approx(1.0)
    return probabilities, entropy, largest


def assert_like(simulation, n, exact):
    """4 standard errors: a false alarm in 3,000 numbers at most once or so."""
    probabilities, entropy, largest = exact
    got = np.zeros(n)
    got[: len(simulation.filled_probabilities)] = simulation.filled_probabilities
    error = np.sqrt(probabilities * (1 - probabilities) / DRAWS)
    assert (np.abs(got - probabilities) <= 4 * error + 1e-12).all()
    for draws, truth in (
        (simulation.entropy, entropy),
        (simulation.shares[:, 0], largest),
    ):
        assert abs(draws.mean() - truth) < 4 * draws.std() / np.sqrt(DRAWS)


@pytest.mark.parametrize(("k", "e"), [(3, 1.0), (4, 0.1), (2, 7.0)])
def test_fixed_number_is_that_of_all_partitions(k, e):
    exact = filled(6, np.eye(k)[-1], lambda _: e)
    assert_like(simulate(parts.Dirichlet(e), k), 6, exact)


def test_static_mixture_of_mixtures_is_that_of_all_partitions():
    sizes = parts.SizeProbabilities([0.2, 0.3, 0.1, 0.0, 0.4])
    exact = filled(6, sizes.probabilities, lambda _: 0.8)
    assert_like(simulate(parts.Dirichlet(0.8), sizes=sizes), 6, exact)


def test_dynamic_mixture_of_mixtures_is_that_of_all_partitions():
    sizes = parts.UniformSizes(6)
    exact = filled(5, np.full(6, 1 / 6), lambda k: 1.5 / k)
    weights = parts.Dirichlet(1.5, shared=True)
    assert_like(simulate(weights, n=5, sizes=sizes), 5, exact)


@pytest.mark.parametrize(("k", "e"), [(5, 0.05), (8, 2.0)])
def test_expected_number_of_filled(k, e):
    """k times one less the chance that a component has no row, a beta integral."""
    n = 200
    empty = gammaln(k * e) + gammaln(n + k * e - e) - gammaln(n + k * e)
    expected = k * (1 - np.exp(empty - gammaln(k * e - e)))
    drawn = simulate(parts.Dirichlet(e), k, n).n_filled
    assert abs(drawn.mean() - expected) < 4 * drawn.std() / np.sqrt(DRAWS)


def test_long_sticks_are_a_chinese_restaurant():
    n, e = 50, 1.5
    tables = sum(e / (e + i) for i in range(n))
    simulation = simulate(parts.StickBreaking(e), 60, n)
    drawn = simulation.n_filled
    assert abs(drawn.mean() - tables) < 4 * drawn.std() / np.sqrt(DRAWS)
    assert simulation.together == pytest.approx(1 / (1 + e), abs=1e-6)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (parts.Dirichlet(0.5), 1.5 / 2.5),
        (parts.Dirichlet(0.5, shared=True), (0.5 / 3 + 1) / 1.5),
        (parts.Dirichlet([1.0, 2.0, 3.0]), (2 + 6 + 12) / 42),
        (parts.StickBreaking(1.0), 1 / 3 + 1 / 9 + 1 / 9),
    ],
)
def test_two_rows_together(weights, expected):
    """Beta moments; of the sticks E v^2 = E (1 - v)^2 = 1 / 3."""
    assert simulate(weights, 3, draws=2).together == pytest.approx(expected)


@pytest.mark.parametrize(
    ("weights", "sizes"),
    [
        (parts.Dirichlet(parts.Gamma(2.0, 4.0)), parts.PoissonSizes(2.0)),
        (parts.StickBreaking(parts.Gamma(2.0, 4.0)), parts.UniformSizes(5)),
        (parts.Dirichlet(parts.FDistribution(6, 9), shared=True), 4),
    ],
)
def test_two_rows_together_are_one_group_of_two_rows(weights, sizes):
    """Both of a concentration that is not known, and of a number that is not."""
    known = isinstance(sizes, int)
    simulation = priors(weights, None if known else sizes).simulate(
        sizes if known else None, 2, n_draws=DRAWS, random_seed=2
    )
    share = simulation.filled_probabilities[0]
    error = np.sqrt(share * (1 - share) / DRAWS)
    assert abs(simulation.together - share) < 4 * error


def test_a_million_rows_are_drawn_as_counts():
    simulation = simulate(parts.Dirichlet(1.0), 5, 1_000_000, draws=500)
    assert (simulation.n_filled == 5).all()
    np.testing.assert_allclose(simulation.shares.sum(axis=1), 1.0)
    assert all(a >= b for a, b in pairwise(simulation.shares.mean(axis=0)))


def test_draws_come_in_blocks(monkeypatch):
    monkeypatch.setattr("bayesgmm.priors.simulation.BLOCK", 40)
    exact = filled(6, np.eye(3)[-1], lambda _: 1.0)
    assert_like(simulate(parts.Dirichlet(1.0), 3), 6, exact)


def test_a_number_that_begins_late_is_found():
    sizes = parts.SizeProbabilities(np.eye(100)[-1])
    assert (simulate(parts.Dirichlet(1.0), sizes=sizes).n_components == 100).all()


def test_the_same_seed_draws_the_same():
    one, other = (simulate(parts.Dirichlet(1.0), 3, draws=50) for _ in range(2))
    np.testing.assert_array_equal(one.entropy, other.entropy)


def test_text_and_table():
    simulation = simulate(parts.Dirichlet(1.0), 2, 2)
    lines = str(simulation).splitlines()
    assert lines[0] == "Before any data, of 2 rows:"
    assert lines[1].split() == ["components", "2"]
    assert lines[4].split()[-1] == "0.667"
    assert "\n".join(lines).isascii()
    table = simulation.table
    assert list(table.index) == [
        "n_components",
        "n_filled",
        "entropy",
        "share 1",
        "share 2",
    ]
    assert list(table.columns) == ["mean", "5%", "50%", "95%"]
    assert table.loc["share 1", "mean"] == pytest.approx(5 / 6, abs=0.01)
    assert table.loc["n_filled", "95%"] == 2


def test_many_numbers_are_said_by_their_range():
    text = str(simulate(parts.Dirichlet(1.0), sizes=parts.UniformSizes(30)))
    assert "(2 to 29)" in text


def test_components_with_their_own_priors_say_how_many_they_are():
    simulation = priors(parts.Dirichlet([1.0, 2.0])).simulate(random_seed=1)
    assert (simulation.n_components == 2).all()


own = priors(parts.Dirichlet([1.0, 2.0]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: priors(parts.Dirichlet(1.0)).simulate(), "be given where the prior"),
        (lambda: own.simulate(3), "or one for each of 3; got 2 of them"),
        (lambda: own.simulate(2, 0), "`n_observations` must be a whole number"),
        (
            lambda: bg.build_model(np.arange(9.0)[:, None], 3, priors=own),
            r"`priors.weights.concentration` must be common to all components",
        ),
        (
            lambda: priors(parts.Dirichlet([1.0, 2.0]), parts.UniformSizes(3)),
            "be common to all components where their number is not known",
        ),
        (
            lambda: priors(parts.Dirichlet([1.0, 2.0]), scale=[[1.0], [2.0], [3.0]]),
            "`priors.means.scale` must .* one for each of 2; got 3 of them",
        ),
    ],
)
def test_another_number_of_components_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
