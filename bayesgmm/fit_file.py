"""A fitted estimator as a JSON file, and back, to the last digit.

The file holds what `fit` left in the estimator: plain numbers, texts and lists as they
are, everything else with its ``kind``. Values of one kind that occur twice are written
once. Reading makes nothing but the kinds named here, so that a file cannot run code.
"""

import json
import math
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesgmm._typing import SufficientStatistics
from bayesgmm.atomic import check_writable_folder, replacing
from bayesgmm.conjugate import ConjugatePrior
from bayesgmm.em import Collapse, EMRun, Status
from bayesgmm.errors import InputError
from bayesgmm.online import Online
from bayesgmm.optima import Optimum
from bayesgmm.parameters import MixtureParameters
from bayesgmm.restarts import Restarts

FORMAT, FORMAT_VERSION = "bayesgmm.GaussianMixture", 1
KINDS = (Collapse, ConjugatePrior, EMRun, Online, Optimum, Restarts)
RECORDS = {kind.__name__: kind for kind in KINDS}


def write_fit(em: Any, path: str | Path) -> Path:
    """Write an estimator to a file; one that exists is replaced in one step.

    Raises
    ------
    InputError
        If there is no such folder, or a setting is an object that cannot be written.
    """
    path, settings = Path(path), em.get_params(deep=False)
    fitted = {name: x for name, x in vars(em).items() if name not in settings}
    fitted = {"parameters_": None} | fitted  # what most readers look for comes first
    for name in em.ARRAYS:
        del fitted[name]
    writer = _Writer()
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "bayesgmm": version("bayesgmm"),
        "settings": {name: writer.plain(name, x) for name, x in settings.items()},
        "fitted": {name: writer.plain(name, x) for name, x in fitted.items()},
    }
    check_writable_folder(path.parent, "path")
    with replacing(path) as beside:
        beside.write_text(json.dumps(content, allow_nan=False), "utf-8")
    return path


def read_fit(cls: type, path: str | Path) -> Any:
    """Return the estimator that `write_fit` wrote.

    Raises
    ------
    InputError
        If there is no such file, or it holds something else or is of a newer version.
    """
    content, reader = _read_content(Path(path)), _Reader()
    try:
        settings, fitted = (
            {name: reader.value(x) for name, x in content[part].items()}
            for part in ("settings", "fitted")
        )
        em = cls(**settings)
        em._keep_parameters(fitted["parameters_"])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            "path",
            "be a whole file, as `GaussianMixture.save` wrote it",
            f"{str(path)!r}, where something is missing or wrong ({error})",
            "Save the fit again.",
        ) from error
    vars(em).update(fitted)
    return em


def _read_content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            "path",
            "be a file that can be read",
            f"{str(path)!r} ({error.strerror})",
            "Check the path and the current folder.",
        ) from None
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(
            "path",
            "be a file that `GaussianMixture.save` wrote",
            f"something else in {str(path)!r}",
            "Choose another file, or fit and save again.",
        )
    if content["format_version"] != FORMAT_VERSION:
        raise InputError(
            "path",
            f"be a file of format version {FORMAT_VERSION}",
            f"version {content['format_version']}, written by bayesgmm "
            f"{content.get('bayesgmm')}",
            "Read it with that version of bayesgmm, or a later one.",
        )
    return content


class _Writer:
    """Turns values into what JSON knows; `numbers` are records by the order written."""

    def __init__(self):
        self.numbers: dict[int, int] = {}

    def plain(self, name: str, value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, PathLike):
            value = str(fspath(value))
        if isinstance(value, float) and not math.isfinite(value):
            return {"kind": "float", "value": repr(value)}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list):
            return [self.plain(name, x) for x in value]
        if is_dataclass(value) and id(value) in self.numbers:
            return {"kind": "same", "number": self.numbers[id(value)]}
        content = self._content(name, value)
        self.numbers |= {id(value): len(self.numbers)} if is_dataclass(value) else {}
        return {"kind": type(value).__name__} | content

    def _content(self, name, value) -> dict[str, Any]:
        match value:
            case tuple():
                return {"value": self.plain(name, list(value))}
            case np.ndarray():
                listed = self.plain(name, value.tolist())
                return {"dtype": value.dtype.str, "value": listed}
            case pd.DataFrame():
                columns = [value[column].tolist() for column in value]
                return {
                    "columns": self.plain(name, value.columns.tolist()),
                    "values": self.plain(name, columns),
                }
            case Status():
                return {"name": value.name}
            case MixtureParameters():
                return value.to_dict()
            case _ if type(value) in RECORDS.values():
                parts = {f.name: getattr(value, f.name) for f in fields(value)}
                return {part: self.plain(name, x) for part, x in parts.items()}
        raise InputError(
            name,
            "be a number, a text, or an array of them, to be saved",
            f"{type(value).__name__}",
            f"Use `em.set_params({name}=...)` before saving.",
        )


class _Reader:
    """Undoes `_Writer`, in the same order."""

    def __init__(self):
        self.records: list[Any] = []

    def value(self, plain: Any) -> Any:
        if isinstance(plain, list):
            return [self.value(x) for x in plain]
        if not isinstance(plain, dict) or "kind" not in plain:  # part of a `to_dict`
            return plain
        content = {name: self.value(x) for name, x in plain.items() if name != "kind"}
        match plain["kind"]:
            case "float":
                return float(content["value"])
            case "tuple":
                return tuple(content["value"])
            case "SufficientStatistics":
                return SufficientStatistics(*content["value"])
            case "ndarray":
                return np.array(content["value"], dtype=content["dtype"])
            case "DataFrame":
                columns = zip(content["columns"], content["values"], strict=True)
                return pd.DataFrame(dict(columns))
            case "Status":
                return Status[content["name"]]
            case "same":
                return self.records[content["number"]]
        self.records.append(self._record(plain["kind"], content))
        return self.records[-1]

    def _record(self, kind, content):
        if kind == "MixtureParameters":
            return MixtureParameters.from_dict(content)
        return RECORDS[kind](**content)
