from __future__ import annotations

from typing import Any

from airflow_provider_meetings.emulator.state.clock import VirtualClock


def test_virtual_clock_is_set_and_advanced(start: Any) -> None:
    clock = VirtualClock(1_794_700_000)
    emulator = start(clock=clock, token_seconds=60)
    token = emulator.wecom_token()
    assert emulator.state.token_status("wecom", token) == "valid"
    clock.advance(60)
    assert emulator.state.token_status("wecom", token) == "expired"
    assert clock.now == clock() == 1_794_700_060
    clock.now = 1_794_700_000
    assert emulator.state.token_status("wecom", token) == "valid"
