"""Public functions say what they take; numpydoc checks it."""

import dataclasses
import inspect

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

import bayesgmm as bg

# No docstring, parameters missing in it, parameters that do not exist.
CODES = {"GL08", "PR01", "PR02"}
PUBLIC = [value for value in map(bg.__getattribute__, bg.__all__) if callable(value)]


def methods(cls):
    """Return ours, inherited ones too."""
    found = inspect.getmembers(cls, inspect.isfunction)
    ours = [(name, f) for name, f in found if f.__module__.startswith("bayesgmm")]
    return [f for name, f in ours if not name.startswith("_")]


CLASSES = [value for value in PUBLIC if inspect.isclass(value)]
FUNCTIONS = [value for value in PUBLIC if inspect.isfunction(value)]
# Those of the distribution are PyMC's to call, not users'.
METHODS = [f for cls in CLASSES if cls is not bg.MvNormalMixture for f in methods(cls)]


@pytest.mark.parametrize(
    "function", FUNCTIONS + METHODS, ids=lambda function: function.__qualname__
)
def test_parameters_are_documented(function):
    """A method that takes nothing but `self` needs one line only."""
    found = validate(f"{function.__module__}.{function.__qualname__}")["errors"]
    assert [text for code, text in found if code in CODES] == []


@pytest.mark.parametrize(
    "cls", list(filter(dataclasses.is_dataclass, CLASSES)), ids=lambda cls: cls.__name__
)
def test_fields_are_documented(cls):
    listed = {
        name.strip()
        for attribute in ClassDoc(cls)["Attributes"]
        for name in attribute.name.split(",")
    }
    assert {field.name for field in dataclasses.fields(cls)} <= listed
