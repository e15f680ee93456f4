"""Peers in a Python of their own: where they are, and how they are asked.

A peer is a process that answers questions until it is closed, so that both sides can
take turns in one run. What it does is in `benchmarks.peers`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parents[1]
TELL = "import sys; from importlib.metadata import version as v; "
TELL += "print(*map(v, sys.argv[1:]))"
TELL_R = "cat(as.character(packageVersion('{}')))"


class Found(NamedTuple):
    """A peer that is installed: the program that runs it, and its versions."""

    program: str
    versions: dict[str, str]


class Setting(NamedTuple):
    """How a comparison is to be run.

    Attributes
    ----------
    peer : str
        The other side.
    program : str
        What runs it.
    quick : bool
        On so few rows that figures mean nothing.
    large : bool
        On 10^8 rows, too.
    """

    peer: str
    program: str
    quick: bool = False
    large: bool = False


Seek = Callable[[Sequence[str]], Found | None]


def nobody(_: Sequence[str]) -> Found | None:
    """Find nobody, who is always there."""
    return Found(sys.executable, {})


def in_python(*packages: str) -> Seek:
    """Return a search of the first of several Pythons that has all the packages."""

    def seek(pythons: Sequence[str]) -> Found | None:
        for python in pythons:
            told = _output(python, "-c", TELL, *packages)
            if told is not None:
                return Found(python, dict(zip(packages, told.split(), strict=True)))
        return None

    return seek


def in_r(package: str) -> Seek:
    """Return a search for R with a package."""

    def seek(_: Sequence[str]) -> Found | None:
        program = shutil.which("Rscript")
        told = program and _output(program, "-e", TELL_R.format(package))
        return Found(program, {package: told}) if program and told else None

    return seek


def _output(*command: str) -> str | None:
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


@contextmanager
def opened(
    python: str, name: str, told: Mapping[str, Any]
) -> Iterator[Callable[..., Any]]:
    """Start `benchmarks.peers.NAME`, tell it some arrays, and yield how to ask it."""
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("w+") as log:
        path = Path(folder, "told.npz")
        np.savez(path, **told)
        process = subprocess.Popen(
            # -P: what is in the folder of the script are not libraries.
            [python, "-P", "-m", "benchmarks.peers", name, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        try:
            yield lambda **question: _ask(process, question, log)
        finally:
            process.stdin.close()
            process.wait()


def _ask(process, question, log):
    process.stdin.write(json.dumps(question) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        process.wait()
        log.seek(0)
        raise RuntimeError(f"The peer ended: {log.read()[-2000:]}")
    return json.loads(answer)
