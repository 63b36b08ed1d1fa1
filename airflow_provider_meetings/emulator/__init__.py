"""Both vendors' HTTP APIs as one small ASGI app, written from their documents: for tests, demos and benchmarks.

Start it from a shell with ``python -m airflow_provider_meetings.emulator``, or from Python with
:func:`airflow_provider_meetings.emulator.server.serve`. It holds an invented company and no secret of anybody.
"""
