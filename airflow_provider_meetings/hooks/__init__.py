"""Connection to client: the border between Airflow and the core."""
