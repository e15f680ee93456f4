"""Settings of the documentation's site: `sphinx-build -W docs docs/_build/html`."""

import logging
from importlib.metadata import version as version_of

logging.getLogger("pytensor").setLevel(logging.WARNING)  # it tells of its settings

project = "bayesgmm"
author = "the bayesgmm authors"
copyright = author
version = release = version_of("bayesgmm")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_nb",
]
exclude_patterns = ["_build", "notebooks/data", "**/.ipynb_checkpoints"]
templates_path = ["_templates"]
smartquotes = False  # quotes of code are not curled
default_role = "py:obj"  # `x` in a docstring is code, and a link where x is public

# Docstrings: numpydoc lists the parameters, the template of a class its methods.
autodoc_typehints = "none"
autodoc_default_options = {
    "members": True,
    "inherited-members": "BaseEstimator,DensityMixin,Distribution,Exception,tuple",
}
autosummary_generate = True
numpydoc_show_class_members = False

# Pages and notebooks. Notebooks have no outputs in the repository: they are run here.
myst_heading_anchors = 3  # as on GitHub, so that links to sections work in both places
nb_execution_mode = "cache"
nb_execution_in_temp = False  # they read files of notebooks/data
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # seconds a cell
nb_merge_streams = True

html_theme = "furo"
html_title = f"bayesgmm {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]


def _skip(_app, _what, name, _obj, skip, _options):
    """Leave out what scikit-learn adds to every estimator, whose links lead nowhere."""
    return skip or name.endswith("_request") or name == "get_metadata_routing"


def setup(app):
    app.connect("autodoc-skip-member", _skip)
