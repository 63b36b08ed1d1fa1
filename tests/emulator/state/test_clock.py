from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from airflow_provider_meetings.emulator.state.clock import VirtualClock


def test_virtual_clock_is_set_and_advanced(start: Any) -> None:
    clock = VirtualClock(1_794_700_000)
    emulator = start(clock=clock, token_seconds=60)
    token = emulator.wecom_token()
    assert emulator.state.token_status("wecom", token) == "valid"
    clock.advance(60)
    assert emulator.state.token_status("wecom", token) == "expired"
    assert clock.now == clock() == 1_794_700_060
    clock.set(1_794_700_000)
    assert emulator.state.token_status("wecom", token) == "valid"
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2026, 11, 1))


def test_running_clock_advances() -> None:
    clock = VirtualClock(5, running=True)
    first = clock.now
    while clock.now == first:
        pass
    assert clock.now > first >= 5
