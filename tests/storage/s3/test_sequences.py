"""Sequences of faults of host and store over several tries: the bucket has one complete version, or nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.landing import source
from airflow_provider_meetings.api.landing.landing import IfPresent
from airflow_provider_meetings.storage.s3 import parts as s3_parts
from airflow_provider_meetings.storage.s3.bucket import to_stat
from tests.contract.landing.bench import NAME, RECEIPT
from tests.contract.landing.sequences import FAULTS, PIECE, VERSIONS, Fault, answer
from tests.contract.leaks import error_text
from tests.contract.media.origin import Origin
from tests.contract.media.ranges import RangeHost
from tests.storage.s3.s3_bench import BUCKET, S3Bench, s3_bench
from tests.storage.s3.s3_front import Fault as StoreFault
from tests.storage.s3.s3_front import drop_request, drop_response, refuse, succeed, succeed_but_respond
from tests.storage.s3.s3_landing import land

OPERATIONS = ("Create", "UploadPart", "Complete", "Put", "Head", "Get", "ListParts", "Abort", "Delete")
STORE_FAULTS: dict[str, StoreFault] = {
    "succeed": succeed,
    "500": refuse(500, "InternalError"),
    "503": refuse(503, "SlowDown"),
    "no such upload": refuse(404, "NoSuchUpload"),
    "expired": refuse(400, "ExpiredToken"),
    "lost request": drop_request,
    "lost answer": drop_response,
    "done, but 500": succeed_but_respond(500, "InternalError"),
}


@dataclass(frozen=True)
class Try:
    """One landing: the answers of host and store (the last ones repeat), and what happens before it."""

    faults: list[Fault]
    store: dict[str, list[str]]
    swept: bool
    if_present: IfPresent


TRIES = st.builds(
    Try,
    faults=st.lists(FAULTS, min_size=1, max_size=4),
    store=st.dictionaries(
        st.sampled_from(OPERATIONS), st.lists(st.sampled_from(sorted(STORE_FAULTS)), min_size=1, max_size=3), max_size=2
    ),
    swept=st.booleans(),
    if_present=st.sampled_from(("verify", "verify", "replace")),
)


@dataclass
class Trial:
    """A bucket and a media host for all tries of a sequence."""

    s3: S3Bench
    origin: Origin
    host: RangeHost

    def run(self, one: Try) -> None:
        """Land once; only expected errors are allowed."""
        if one.swept:
            self.s3.abort_all()
        for operation in OPERATIONS:
            self.s3.front.on(operation, *(STORE_FAULTS[name] for name in one.store.get(operation, ["succeed"])))
        url = self.origin.on("/media", *(answer(self.host, fault) for fault in one.faults))
        error: Exception | None = None
        try:
            land(self.s3.store(), f"{url}?sign=S3CRET", one.if_present)
        except (MeetingsApiError, OSError) as caught:
            error = caught
        assert error is None or "S3CRET" not in error_text(error)
        self.check(landed=error is None)

    def check(self, *, landed: bool) -> None:
        """Assert that there is one version, with its receipt if the landing succeeded; or nothing."""
        found = self.s3.read(NAME)
        # Not `in`: pytest would print megabytes.
        assert found is None or any(found == body for body in VERSIONS.values()), "bytes of none of the versions"
        if not landed:
            return
        assert found is not None
        receipt = json.loads(self.s3.read(RECEIPT) or b"{}")
        stat = to_stat(self.s3.direct.head_object(Bucket=BUCKET, Key=f"raw/{NAME}"))
        assert (receipt["size"], receipt["validator"]) == (stat.size, stat.validator)
        assert receipt["sha256"] == hashlib.sha256(found).hexdigest()

    def finish(self) -> None:
        """Land without faults: the bucket has the host's version, and nothing else is left."""
        for operation in OPERATIONS:
            self.s3.front.on(operation, succeed)
        land(self.s3.store(), self.origin.on("/media", self.host), "replace")
        self.check(landed=True)
        assert self.s3.read(NAME) == self.host.body
        assert self.s3.names() == {f"raw/{NAME}", f"raw/{RECEIPT}"}


def test_sequences_of_faults(origin: Origin, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CHUNK_BYTES", PIECE)
    # Parts of three pieces, so that small files have several.
    monkeypatch.setattr(s3_parts, "PART_SIZE", 3 * PIECE)

    @settings(max_examples=pytestconfig.getoption("--sequences"), deadline=None)
    @given(st.lists(TRIES, min_size=1, max_size=4))
    def run(tries: list[Try]) -> None:
        with s3_bench() as s3:
            trial = Trial(s3, origin, RangeHost(VERSIONS['"v0"'], tag='"v0"'))
            for one in tries:
                trial.run(one)
            trial.finish()

    run()
