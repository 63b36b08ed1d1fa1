"""How the documentation is built."""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Autodoc imports Airflow, which writes a configuration into its home.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-meetings-docs-")
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import reference_pages  # noqa: E402  # after Airflow's home

from airflow_provider_meetings import __version__  # noqa: E402

reference_pages.write()

project = "airflow-provider-meetings"
copyright = "the airflow-provider-meetings authors"  # noqa: A001  # Sphinx's name
version = release = __version__
extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
# In docstrings a single backtick marks code.
default_role = "literal"

nitpicky = True
# Types of others, and of the transport below the clients, have no page here.
nitpick_ignore_regex = [
    ("py:exc", "AirflowFailException"),
    ("py:class", r"(airflow|collections|contextlib|datetime|pendulum)\..*|tuple\[.*"),
    ("py:class", r"airflow_provider_meetings\.(api\.(http|media)|platforms\.feishu\.auth)\..*"),
]
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
add_module_names = False
toc_object_entries_show_parents = "hide"

linkcheck_timeout = 20
linkcheck_retries = 2

html_theme = "pydata_sphinx_theme"
html_title = "Meeting recordings for Airflow"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars = {"index": [], "troubleshooting": []}  # they have no section
html_theme_options = {
    "logo": {"text": "Meeting recordings for Airflow"},
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
