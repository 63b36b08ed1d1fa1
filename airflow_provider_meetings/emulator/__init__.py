"""An emulator of both vendors' HTTP APIs, written from their documents: for tests, demos and benchmarks.

Start it with ``python -m airflow_provider_meetings.emulator``, or from Python with
:func:`airflow_provider_meetings.emulator.server.serve`. All its data and secrets are invented.
"""
