"""Shared fixtures."""

import json
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def golden():
    """Return a reader of the trusted answers in `tests/golden`."""
    return lambda name: json.loads((GOLDEN / name).read_text())
