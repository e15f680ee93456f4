"""Shared fixtures."""

import json
import signal
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


# Shells start what runs in the background with interrupts ignored; tests send them.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def golden():
    """Return a reader of the trusted answers in `tests/golden`."""
    return lambda name: json.loads((GOLDEN / name).read_text())
