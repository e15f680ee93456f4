"""The bundled data: the right bytes, the right rows, ready to be fitted."""

from hashlib import sha256
from importlib.resources import files

import numpy as np
import pytest
from sklearn import datasets as sklearn_datasets

from bayesgmm import datasets
from bayesgmm.errors import InputError
from bayesgmm.fittable import check_fittable
from bayesgmm.validation import check_table

SHAPES = {
    "acidity": (155, 1),
    "diabetes": (145, 3),
    "enzyme": (245, 1),
    "faithful": (272, 2),
    "galaxies": (82, 1),
    "iris": (150, 4),
    "penguins": (342, 4),
    "wine": (178, 13),
}
DIGESTS = {
    "acidity": "273fa9856b4f0ffcd77fc593592c1a7a9616aeeb300a699d5b7c6307f889ff06",
    "diabetes": "7a9ce1e435f621ad117032f2e6fcaeb937cb135372392fbb1741dd3e0d9a6e62",
    "enzyme": "15aaf8835d290e6ae8e97a5bab69eb1d95836b993a7ea080d799467091edde5d",
    "faithful": "d40b983752ab7ec0b15b740089c3ca7b7b59d0c7433a029a1714d134de1e8d14",
    "galaxies": "ac4e9abc7a8c84fe7ae3edc3fe157bdb14c79ebe5c49b2ccb2a56aadd3d9a318",
    "iris": "6c17bdaf4419befba3352385793b1518e23e8fe1f76501e0850b573dc908d1e8",
    "penguins": "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93",
    "wine": "86d6406802806ec55d1a4b067d8c749d05a92a0f15ae11a6537cf877b4681e72",
}
CLASS_SIZES = {
    "diabetes": {"Normal": 76, "Chemical": 36, "Overt": 33},
    "iris": {"setosa": 50, "versicolor": 50, "virginica": 50},
    "penguins": {"Adelie": 151, "Gentoo": 123, "Chinstrap": 68},
    "wine": {0: 59, 1: 71, 2: 48},
}


def test_names_lists_every_data_set():
    assert datasets.names() == list(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_file_is_the_pinned_one(name):
    content = files("bayesgmm.datasets").joinpath(f"{name}.csv").read_bytes()
    assert sha256(content).hexdigest() == DIGESTS[name]


@pytest.mark.parametrize("name", SHAPES)
def test_load_goes_straight_into_a_fit(name):
    X = datasets.load(name)
    assert X.shape == SHAPES[name]
    table = check_table(X)
    check_fittable(table, n_components=3)
    assert table.feature_names == tuple(X.columns)


@pytest.mark.parametrize("name", CLASS_SIZES)
def test_classes_go_with_the_rows(name):
    classes = datasets.classes(name)
    assert classes.value_counts().to_dict() == CLASS_SIZES[name]
    assert classes.index.equals(datasets.load(name).index)


def test_galaxies_hold_the_corrected_value():
    velocity = datasets.load("galaxies")["velocity"]
    assert velocity[77] == 26.96
    assert 26.69 not in velocity.values


def test_iris_and_wine_agree_with_another_copy():
    """scikit-learn ships both, from Fisher's paper and from UCI."""
    iris, wine = sklearn_datasets.load_iris(), sklearn_datasets.load_wine()
    np.testing.assert_array_equal(datasets.load("iris"), iris.data)
    np.testing.assert_array_equal(datasets.load("wine"), wine.data)
    np.testing.assert_array_equal(datasets.classes("wine"), wine.target)


def test_penguins_keep_their_places_in_the_file():
    index = datasets.load("penguins").index
    assert sorted(set(range(344)) - set(index)) == [3, 271]


def test_load_returns_a_fresh_frame():
    X = datasets.load("faithful")
    X.loc[0, "eruptions"] = -1
    assert datasets.load("faithful").iloc[0, 0] == 3.6


def test_describe_counts_what_load_returns():
    table = datasets.describe()
    sizes = zip(table["n_observations"], table["n_features"], strict=True)
    assert dict(zip(table.index, sizes, strict=True)) == SHAPES
    assert table.index[table["classes"]].tolist() == list(CLASS_SIZES)


def test_unknown_name_is_refused_with_the_nearest_one():
    with pytest.raises(InputError, match="Did you mean 'faithful'"):
        datasets.load("faitful")


def test_classes_are_refused_where_none_are_known():
    with pytest.raises(InputError, match=r"Choose one of 'diabetes', 'iris'"):
        datasets.classes("acidity")


def test_sources_name_every_file():
    text = files("bayesgmm.datasets").joinpath("SOURCES.md").read_text()
    assert all(f"| {name}.csv |" in text for name in SHAPES)
