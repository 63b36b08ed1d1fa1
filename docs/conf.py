"""How the documentation is built."""

project = "airflow-provider-meetings"
copyright = "the airflow-provider-meetings authors"  # noqa: A001  # Sphinx's name
extensions: list[str] = []
exclude_patterns = ["_build", "understand/benchmarks*.rst"]
html_theme = "alabaster"
