"""The documentation site: `sphinx-build -W --keep-going -n -b html docs build/site`."""

import inspect
import os
import re

from docutils import nodes
from sphinx.addnodes import pending_xref

os.environ.setdefault("KERAS_BACKEND", "jax")  # Keras asks when it is imported

import fastinit

project = "fastinit"
author = "the fastinit authors"
project_copyright = "the fastinit authors"
version = release = fastinit.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
html_theme = "furo"
html_title = f"fastinit {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False

myst_heading_anchors = 3  # as code hosts make them
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# The docstrings name types in words that no page defines; annotations would say the same again.
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False

# Files above docs/ that are pages of the site by inclusion: links lead to the page, as on a code host to the file.
INCLUDED = {"CONTRIBUTING": "contributing", "CHANGELOG": "changelog"}


def lead_to_included_pages(app, doctree):
    for link in doctree.findall(pending_xref):
        place, _, name = link["reftarget"].rpartition("/")
        if link.get("refdomain") == "doc" and place == str(app.srcdir.parent):
            link["reftarget"] = INCLUDED.get(name, link["reftarget"])


def end_blocks_at_their_last_line(app, doctree):
    """A page's doctests end in an empty line, which ends what they print."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext().rstrip("\n")
        block.rawsource = text
        block[:] = [nodes.Text(text)]


def skip_counted_fields(app, what, name, thing, skip, options):
    """The fields of a named tuple have no docstrings but "Alias for field number 0"."""
    return True if str(thing.__doc__).startswith("Alias for field") else None


def link_pages(app, what, name, thing, options, lines):
    """Docstrings name pages as files, docs/stream.md, which is what their readers elsewhere find."""
    lines[:] = [re.sub(r"\bdocs/(\w+)\.md", r":doc:`docs/\1.md </\1>`", line) for line in lines]


def name_the_original(app, what, name, thing, options, lines):
    """Another name of a function, as glorot_normal of xavier_normal, is documented by a link."""
    place, _, own = name.rpartition(".")
    original = getattr(thing, "__name__", own)
    if inspect.isroutine(thing) and original != own and not own.startswith("_"):
        role = "meth" if what == "method" else "func"
        lines[:] = [f"Another name of :py:{role}:`{place}.{original}`."]


def setup(app):
    app.connect("doctree-read", lead_to_included_pages)
    app.connect("doctree-read", end_blocks_at_their_last_line)
    app.connect("autodoc-skip-member", skip_counted_fields)
    app.connect("autodoc-process-docstring", link_pages)
    app.connect("autodoc-process-docstring", name_the_original, priority=400)  # before napoleon
