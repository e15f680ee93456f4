"""What weights mean: numbers from the definitions, done by hand."""

import numpy as np
import pytest

from bayesgmm.errors import InputError
from bayesgmm.weight_kinds import WEIGHT_KINDS, weight_kind

WEIGHT = np.array([1.0, 2.0, 3.0, 0.5])
FREQUENCY, RELIABILITY = WEIGHT_KINDS["frequency"], WEIGHT_KINDS["reliability"]


@pytest.mark.parametrize("kind", WEIGHT_KINDS.values(), ids=list(WEIGHT_KINDS))
class TestEveryKind:
    def test_counts_times_importance_are_the_weights(self, kind):
        counts, importance = kind.split(WEIGHT)
        assert (counts * importance == WEIGHT).all()

    def test_equal_weights_of_one_are_no_weights(self, kind):
        ones = np.ones(7)
        assert kind.effective_n(ones) == 7
        assert (kind.rescale(ones) == 1).all()
        assert (kind.score_weight(ones) == 1).all()

    def test_rescaled_weights_sum_to_the_effective_number(self, kind):
        rescaled = kind.rescale(WEIGHT)
        assert rescaled.sum() == pytest.approx(kind.effective_n(WEIGHT), rel=1e-14)
        assert rescaled / rescaled[0] == pytest.approx(WEIGHT, rel=1e-14)


def test_frequencies_count_rows():
    assert FREQUENCY.effective_n(WEIGHT) == 6.5
    assert (FREQUENCY.rescale(WEIGHT) == WEIGHT).all()
    assert (FREQUENCY.score_weight(WEIGHT) == WEIGHT).all()


def test_reliabilities_count_less_the_more_they_differ():
    assert RELIABILITY.effective_n(WEIGHT) == pytest.approx(42.25 / 14.25, rel=1e-14)
    assert RELIABILITY.score_weight(WEIGHT) == pytest.approx([1, 4, 9, 0.25])


def test_the_unit_of_reliabilities_means_nothing():
    again = RELIABILITY.rescale(1e6 * WEIGHT)
    assert again == pytest.approx(RELIABILITY.rescale(WEIGHT), rel=1e-14)


def test_tiny_weights_do_not_vanish():
    tiny = 1e-200 * WEIGHT
    assert RELIABILITY.effective_n(tiny) == pytest.approx(42.25 / 14.25, rel=1e-14)
    assert FREQUENCY.effective_n(tiny) == pytest.approx(6.5e-200, rel=1e-14)


def test_unknown_kind_is_refused_and_the_known_ones_named():
    assert weight_kind("frequency") is FREQUENCY
    with pytest.raises(InputError, match=r"'reliabilty'.*mean 'reliability'"):
        weight_kind("reliabilty")
