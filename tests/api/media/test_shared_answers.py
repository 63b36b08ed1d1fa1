"""Answers that several files share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_meetings.api.media.shared_answers import KEPT_SECONDS, SharedAnswers


class Answers:
    """Count the answers; each is its number."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.count = 0
        self.shared = SharedAnswers[int](lambda: self.now)

    def get(self, kind: str | None, key: str = "recording", fetch: Callable[[], int] | None = None) -> int:
        return self.shared.get(key, kind, fetch or self.fetch)

    def fetch(self) -> int:
        self.count += 1
        return self.count


def test_one_answer_serves_each_kind_once() -> None:
    answers = Answers()
    assert [answers.get(kind) for kind in (None, "video", "audio", None)] == [1, 1, 1, 1]
    assert answers.get("video", key="other") == 2
    assert [answers.get(kind) for kind in ("video", "audio", "audio")] == [3, 3, 4]


@pytest.mark.parametrize(("later", "expected"), [(KEPT_SECONDS - 1, 1), (KEPT_SECONDS, 2), (-KEPT_SECONDS, 2)])
def test_answer_is_kept_for_a_minute(later: float, expected: int) -> None:
    answers = Answers()
    answers.get("video")
    answers.now += later
    assert answers.get("audio") == expected


def test_threads_wait_for_one_answer() -> None:
    answers = Answers()
    asked = threading.Event()

    def fetch() -> int:
        assert asked.wait(60)
        return answers.fetch()

    with ThreadPoolExecutor(4) as pool:
        first = [pool.submit(answers.get, kind, "recording", fetch) for kind in ("video", "audio", "summary")]
        # An answer that is awaited keeps no other recording waiting.
        assert pool.submit(answers.get, "video", "other").result(60) == 1
        asked.set()
        assert [one.result(60) for one in first] == [2, 2, 2]


def test_failure_is_not_kept() -> None:
    answers = Answers()

    def fail() -> int:
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError):
        answers.get("video", fetch=fail)
    assert answers.get("video") == 1
