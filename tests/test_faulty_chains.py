"""Chains that are no sample of a posterior, and chains that are at different places."""

import numpy as np
import pytest
from sampled_groups import clean

from bayesgmm.diagnose import diagnose
from bayesgmm.invariants import AGREEMENT, LOG_LIKELIHOOD
from bayesgmm.solutions import find_frozen, find_moves, find_repeats, lie_apart
from bayesgmm.verdict import Verdict

GROUPS = ("posterior", "sample_stats")


def noise(n_chains=4, n_draws=300):
    """Return invariants of good chains."""
    scores, shares = np.random.default_rng(0).normal(size=(2, n_chains, n_draws))
    return {LOG_LIKELIHOOD: scores - 500.0, AGREEMENT: 0.9 + 0.01 * shares}


def stop(tree, chain, draw):
    """Return draws of which one chain stays where it is from some draw on."""
    tree = tree.copy(deep=True)
    for group in GROUPS:
        for variable in tree[group].data_vars.values():
            variable.values[chain, draw:] = variable.values[chain, draw]
    return tree


@pytest.mark.parametrize(("last", "share"), [(0, 1.0), (90, 0.7), (240, 0.2)])
@pytest.mark.parametrize("n_chains", [1, 4])
def test_chains_that_stop_are_found(n_chains, last, share):
    values = noise(n_chains)
    for value in values.values():
        value[0, last:] = value[0, last]
    assert find_frozen(values) == pytest.approx([share] + [0.0] * (n_chains - 1))
    assert not find_moves(values).any()


def test_chains_move_if_anything_moves():
    values = noise()
    values[AGREEMENT][:] = 1.0  # groups that are far apart
    values["sorted weight 0"] = np.full((4, 300), 0.5)  # held
    assert not find_frozen(values).any()


def test_slow_chains_move():
    values = {name: np.cumsum(value, axis=1) for name, value in noise().items()}
    assert not find_frozen(values).any()


def test_short_chains_may_repeat_but_not_stand_still():
    values = {name: value[:, :1].repeat(19, axis=1) for name, value in noise().items()}
    assert not find_frozen(values).any()
    assert not find_repeats(values).any()
    values[LOG_LIKELIHOOD][2] = values[LOG_LIKELIHOOD][1]
    np.testing.assert_array_equal(find_repeats(values), [False, False, True, False])


@pytest.mark.parametrize("draw", [45, 120])
def test_a_chain_that_stops_is_named(draw):
    diagnosis = diagnose(stop(clean(0), 1, draw))
    assert diagnosis.verdict is Verdict.FAULTY_CHAINS
    assert (diagnosis.chains["solution"] == 0).all()
    frozen = diagnosis.chains["frozen"]
    assert list(frozen) == pytest.approx([0.0, 1 - draw / 150, 0.0], abs=0.1)
    told = f"Chain 1 does not move in about {frozen[1]:.0%} of its draws."
    assert told in diagnosis.sentence
    assert diagnosis.sentence.startswith("Chain 1 is no sample of the posterior. ")


def test_chains_that_all_stand_still_need_other_starts_and_not_more_draws():
    tree = clean(0)
    for chain in range(3):
        tree = stop(tree, chain, 5 * chain)
    diagnosis = diagnose(tree)
    assert diagnosis.verdict is Verdict.FAULTY_CHAINS
    assert "Chains 0, 1, 2 do not move." in diagnosis.sentence
    assert "from other starts" in diagnosis.sentence
    assert "Draw more" not in diagnosis.sentence


def test_a_copy_of_a_chain_is_named_whatever_its_labels():
    tree = clean(0).copy(deep=True)
    for group in GROUPS:
        for variable in tree[group].data_vars.values():
            variable.values[2] = variable.values[0]
    for name in ("weights", "means", "covariances"):
        values = tree["posterior"][name].values
        values[2] = values[2][:, ::-1].copy()
    diagnosis = diagnose(tree)
    assert diagnosis.verdict is Verdict.FAULTY_CHAINS
    assert list(diagnosis.chains["repeats"]) == [False, False, True]
    assert "Chain 2 repeats another, draw by draw." in diagnosis.sentence


def scores_of(wide, narrow):
    """Return log-likelihoods of two chains, and nothing else to tell them apart by."""
    return {LOG_LIKELIHOOD: np.stack([wide, narrow])}


class TestPlaces:
    """A chain from 0 to 60, at 30 in the middle: its spread is 22."""

    rng = np.random.default_rng(0)
    wide = rng.permutation(np.linspace(0.0, 60.0, 400))
    narrow = 0.3 * rng.normal(size=400)

    def test_a_wide_chain_hides_none_that_it_never_visits(self):
        assert lie_apart(scores_of(self.wide, self.narrow - 3.0))[0, 1]
        assert lie_apart(scores_of(self.narrow - 3.0, self.wide))[0, 1]
        assert lie_apart(scores_of(-self.wide, self.narrow + 3.0))[0, 1]

    def test_a_wide_chain_may_hide_one_that_it_visits(self):
        assert not lie_apart(scores_of(self.wide, self.narrow + 3.0)).any()

    def test_a_slow_chain_may_get_there(self):
        """In order, the same numbers are hardly more than one effective draw."""
        slow = scores_of(np.sort(self.wide), self.narrow - 3.0)
        assert not lie_apart(slow).any()

    @pytest.mark.parametrize(("spreads", "apart"), [(3.5, False), (4.5, True)])
    def test_four_spreads_are_too_many(self, spreads, apart):
        values = noise(2)
        values[AGREEMENT][1] += spreads * 0.01
        assert lie_apart(values)[0, 1] == apart

    def test_differences_of_partitions_below_one_percent_say_nothing(self):
        values = noise(2)
        values[AGREEMENT] = 0.9 + 1e-2 * (values[AGREEMENT] - 0.9)
        values[AGREEMENT][1] += 0.03  # 300 of their own spreads
        assert not lie_apart(values).any()
