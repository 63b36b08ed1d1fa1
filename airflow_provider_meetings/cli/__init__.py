"""The commands ``airflow meetings``."""
