"""Which tables a load writes, as its plans say: what may be redacted, and what of a lake stands by day."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_meetings.warehouse.load.plans import PostPlan, RecordingPlan
from airflow_provider_meetings.warehouse.load.transcripts import ContentPlan
from airflow_provider_meetings.warehouse.tables import tables

# Rows do not depend on the time, nor on prefix and schema: only the shape is asked here.
_SHAPE = tables()
_NEVER = datetime.min.replace(tzinfo=UTC)

CONTENTS = tuple(ContentPlan(_SHAPE, _NEVER, read_back=True).tables)
"""What stands in files that are read back."""
RECORDINGS = (*RecordingPlan(_SHAPE, _NEVER).tables, *CONTENTS)
POSTS = tuple(PostPlan(_SHAPE, _NEVER).tables)
