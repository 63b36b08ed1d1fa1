"""The core: HTTP and meetings, no vendor, no Airflow, no store."""
