"""Sphinx's settings for the book; ``build.py`` lays out the sources and calls Sphinx."""

import os

from myst_nb.core.render import NbElementRenderer

project = "optical_lite"
author = "the optical_lite authors"
extensions = ["myst_nb"]
exclude_patterns = ["_static"]
language = "en"

# Lessons: outputs as they are stored, no scripts of widgets (they come from a network).
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}

html_theme = "sphinx_book_theme"
html_title = "optical_lite"
html_static_path = [os.path.join(os.environ["BOOK_SOURCE"], "_static")]
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_context = {"default_mode": "auto"}
html_show_search_summary = False  # it fetches pages, which browsers refuse for file://
html_theme_options = {"show_navbar_depth": 1, "navigation_with_keys": False, "navbar_persistent": []}
if repository := os.environ.get("BOOK_REPOSITORY"):
    html_theme_options |= {
        "repository_url": repository,
        "repository_branch": "main",
        "path_to_docs": "",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }


def described(render):
    """Pictures with the description that their output keeps; MyST-NB takes only its size from there."""

    def render_image(self, data):
        (picture,) = render(self, data)
        picture["alt"] = data.output_metadata.get(data.mime_type, {}).get("alt", "")
        return [picture]

    return render_image


NbElementRenderer.render_image = described(NbElementRenderer.render_image)
