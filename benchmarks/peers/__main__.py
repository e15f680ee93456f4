"""Peers in their own Python: `python -m benchmarks.peers NAME told.npz`.

Each module has `prepare`, which takes the arrays of the file and returns a function
from a question to an answer, both dictionaries. A line of JSON comes in for each
question and one goes out for each answer. Nothing of bayesgmm is needed.
"""

import json
import os
import sys
from importlib import import_module

import numpy as np


def main(name: str, told: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a peer prints is no answer
    with np.load(told) as arrays:
        answer = import_module(f"benchmarks.peers.{name}").prepare(dict(arrays))
    for question in sys.stdin:
        print(json.dumps(answer(**json.loads(question))), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
