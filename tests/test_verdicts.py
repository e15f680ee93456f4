"""Verdicts on what the samplers of the package draw in situations that are known."""

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.covariances import covariance_family
from bayesgmm.initialise import start_from_labels
from bayesgmm.verdict import Verdict

pytestmark = pytest.mark.slow
SEEDS = range(5)
LINE = [[-6.0], [-3.0], [3.0], [6.0]]
SQUARE = [[-4.0, -4.0], [-4.0, 4.0], [4.0, -4.0], [4.0, 4.0]]
STAR = [[-6.0, 0, 0], [6.0, 0, 0], [0, 7.0, 0], [0, -7.0, 0], [0, 0, 8.0]]
PLUS = [[-10.0, 0.0], [10.0, 0.0], [0.0, 6.0], [0.0, -6.0]]


def groups_at(centres, sizes, rng, sd=1.0):
    """Draw round groups; return rows and the group of each."""
    z = np.repeat(np.arange(len(centres)), sizes)
    centres = np.array(centres, dtype=float)
    return centres[z] + sd * rng.normal(size=(len(z), centres.shape[1])), z


def apart(rng, n_components, n_features, n):
    """Draw elliptic groups whose centres are at least 7 apart; all large enough."""
    centres = []
    while len(centres) < n_components:
        centre = rng.normal(scale=7 * n_components ** (1 / n_features), size=n_features)
        if all(np.linalg.norm(centre - other) >= 7 for other in centres):
            centres.append(centre)
    weights = 0.5 * rng.dirichlet(np.full(n_components, 6.0)) + 0.5 / n_components
    z = rng.choice(n_components, size=n, p=weights)
    shapes = np.eye(n_features) + rng.normal(
        scale=0.3, size=(n_components, n_features)
    )[:, None] * np.eye(n_features)
    noise = np.einsum("nij,nj->ni", shapes[z], rng.normal(size=(n, n_features)))
    return np.array(centres)[z] + noise, z


def at(X, labels, covariance_type="full"):
    """Return the parameters of a partition, where a chain can begin."""
    k = labels.max() + 1
    family = covariance_family(covariance_type, X.shape[1])
    return start_from_labels(X, labels, k, family, None)


def gibbs(X, k, seed, init=None, chains=2, draws=300, tune=200, family="full"):
    return bg.sample(
        X,
        k,
        family,
        method="gibbs",
        init=init,
        draws=draws,
        tune=tune,
        chains=chains,
        random_seed=seed,
        progress=False,
    )


def joined(*trees):
    """Return the chains of several posteriors of the same rows as one posterior."""
    groups = {
        name: xr.concat([bg.unrelabel(t)[name].to_dataset() for t in trees], "chain")
        for name in ("posterior", "sample_stats")
    }
    index = {"chain": np.arange(groups["posterior"].sizes["chain"])}
    groups = {name: group.assign_coords(index) for name, group in groups.items()}
    data = {"observed_data": trees[0]["observed_data"].to_dataset()}
    return xr.DataTree.from_dict(groups | data)


def in_one_order(tree):
    """Return relabelled draws as those of a sampler that does not switch labels."""
    return tree.drop_nodes("relabelling")


def started(X, z, merged, seed, n_chains=2):
    """Sample chains from each way in which groups are merged."""
    trees = []
    for place, merge in enumerate(merged):
        start = at(X, np.array(merge)[z])
        k = start.n_components
        trees.append(gibbs(X, k, 9 * seed + place, start, chains=n_chains))
    return joined(*trees)


@pytest.mark.parametrize("first", range(0, 50, 10))
def test_clean_runs_are_called_clean(first):
    """Of any size, family, unit and place; 50 runs in all, none named wrongly."""
    for seed in range(first, first + 10):
        rng = np.random.default_rng(seed)
        k, d = int(rng.integers(2, 5)), int(rng.integers(1, 4))
        family = str(rng.choice(["full", "diag", "tied", "spherical"]))
        X, z = apart(rng, k, d, int(rng.choice([100, 300])) * k)
        X = 10.0 ** rng.uniform(-4, 4) * (X + rng.choice([0.0, 1e5]))
        chains, draws = int(rng.choice([2, 4])), int(rng.choice([300, 600]))
        tree = gibbs(X, k, seed, at(X, z, family), chains, draws, family=family)
        switching = bool(seed % 2)
        diagnosis = bg.diagnose(tree if switching else in_one_order(tree))
        expected = Verdict.LABELS_RESOLVED if switching else Verdict.CHAINS_AGREE
        assert diagnosis.verdict is expected, (seed, str(diagnosis))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("centres", "sizes", "sd", "merged"),
    [
        (LINE, 60, 0.7, ([0, 1, 2, 2], [0, 0, 1, 2])),
        (SQUARE, 40, 1.0, ([0, 0, 1, 1], [0, 1, 0, 1])),
        (SQUARE, 200, 1.0, ([0, 0, 1, 2], [0, 1, 2, 2])),
        (STAR, 80, 1.0, ([0, 0, 1, 2, 3], [0, 1, 2, 2, 3])),
        (PLUS, [400, 400, 25, 25], 1.0, ([0, 1, 2, 0], [0, 1, 0, 2])),
    ],
    ids=["line", "square in two", "square in three", "star", "small groups"],
)
def test_genuine_modes_are_told_apart(centres, sizes, sd, merged, seed):
    X, z = groups_at(centres, sizes, np.random.default_rng(seed), sd)
    diagnosis = bg.diagnose(started(X, z, merged, seed))
    assert diagnosis.verdict is Verdict.DIFFERENT_SOLUTIONS
    assert sorted(diagnosis.solutions["chains"]) == [(0, 1), (2, 3)]


OVERLAPPING = {
    "one group on a line": ([[0.0]], 150, 2),
    "one group": ([[0.0, 0.0]], 200, 2),
    "one group in three": ([[0.0, 0.0]], 200, 3),
    "two near groups": ([[0.0, 0.0], [1.0, 0.0]], 150, 2),
    "one more than groups": ([[-6.0], [0.0], [6.0]], 60, 4),
    "one more than groups in the plane": ([[-5.0, 0.0], [5.0, 0.0]], 150, 3),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", OVERLAPPING)
def test_overlap_is_called_so(case, seed):
    centres, size, k = OVERLAPPING[case]
    X, _ = groups_at(centres, size, np.random.default_rng(seed))
    diagnosis = bg.diagnose(gibbs(X, k, seed, chains=4, draws=1000))
    assert diagnosis.verdict is Verdict.COMPONENTS_OVERLAP, str(diagnosis)


@pytest.mark.parametrize("switching", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_stuck_chain_is_named(seed, switching):
    """Two of its components share a group, and one has two groups."""
    rng = np.random.default_rng(seed)
    centres = np.zeros((3, 5))
    centres[:, 0] = 0.0, 9.0, 22.5
    X, z = groups_at(centres, 80, rng)
    wrong = np.where(z < 2, 0, 1 + (X[:, 1] > 0))
    good, stuck = (gibbs(X, 3, seed, at(X, y), n) for y, n in ((z, 3), (wrong, 1)))
    tree = joined(good, stuck)
    diagnosis = bg.diagnose(tree if switching else in_one_order(bg.relabel(tree)))
    assert diagnosis.verdict is Verdict.DIFFERENT_SOLUTIONS
    assert list(diagnosis.solutions["chains"]) == [(0, 1, 2), (3,)]
    assert "chain 3 at" in diagnosis.sentence


@pytest.mark.parametrize("seed", SEEDS)
def test_a_chain_that_does_not_move_is_named(seed):
    X, z = groups_at([[-4.0, 0.0], [4.0, 0.0]], 100, np.random.default_rng(seed))
    tree = gibbs(X, 2, seed, at(X, z), chains=4).copy(deep=True)
    for group in ("posterior", "sample_stats"):
        for variable in tree[group].data_vars.values():
            variable.values[2] = variable.values[2, 100]
    diagnosis = bg.diagnose(tree)
    assert diagnosis.verdict is Verdict.DIFFERENT_SOLUTIONS
    assert list(diagnosis.chains["frozen"]) == [False, False, True, False]
    assert "Chain 2 does not move." in diagnosis.sentence


def test_nuts_is_judged_as_gibbs_is():
    """Chains of one optimum agree; chains of several found different solutions."""
    X, _ = groups_at(LINE, 60, np.random.default_rng(0), 0.7)
    em = bg.GaussianMixture(3, n_init=20, random_state=0).fit(X)
    model = bg.build_model(X, 3, init=em)
    settings = {"draws": 300, "tune": 300, "chains": 4, "random_seed": 1}
    settings["progress"] = False
    agree = bg.diagnose(bg.sample(model, **settings), em=em)
    assert agree.verdict is Verdict.CHAINS_AGREE, str(agree)
    differ = bg.diagnose(bg.sample(model, init="dispersed", **settings), em=em)
    assert differ.verdict is Verdict.DIFFERENT_SOLUTIONS, str(differ)
    assert differ.n_optima > 1
