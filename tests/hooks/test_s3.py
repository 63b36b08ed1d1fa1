"""Stores at ``s3://`` addresses, with the connections of the documentation."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.store import Plan, Store
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.storage.s3 import parts
from airflow_provider_meetings.storage.s3.bucket import EXTRA_ARGS
from airflow_provider_meetings.storage.s3.store import S3Store
from tests.contract.leaks import error_text
from tests.storage.s3.s3_bench import S3Bench, s3_bench
from tests.storage.s3.s3_front import Response, serve_front

BODY = bytes(parts.PART_SIZE + 1)
PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "stores.rst").read_text()


def _documented() -> dict[str, dict[str, Any]]:
    """Return the connections of the page by section title."""
    blocks = re.findall(r"^\.\. code-block:: json\n\n((?:   .*\n)+)", PAGE, re.MULTILINE)
    titles = re.findall(r"^(Amazon S3|Alibaba OSS|Tencent COS|MinIO)\n-+$", PAGE, re.MULTILINE)
    return dict(zip(titles, map(json.loads, blocks), strict=True))


@pytest.fixture
def s3() -> Iterator[S3Bench]:
    with s3_bench() as bench:
        yield bench


def _connect(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], conn_id: str = "lake_conn", **extra: Any
) -> None:
    value = {**connection, "extra": {**connection["extra"], **extra}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(value))


def _upload(store: Store) -> None:
    writer = store.writer("a.mp4", Plan())
    writer.write(BODY)
    writer.publish()


@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_connection_and_bucket(s3: S3Bench, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    _connect(monkeypatch, _documented()["Amazon S3"], endpoint_url=s3.front.url)
    store = store_at(f"{scheme}://lake_conn@lake/raw/more/")
    assert isinstance(store, S3Store)
    store.check_writable()
    _upload(store)
    assert s3.read("more/a.mp4") == BODY
    assert store.uri("a.mp4") == f"{scheme}://lake_conn@lake/raw/more/a.mp4"
    (created,) = [each for each in s3.front.requests if each.operation == "Create" and each.path.endswith("a.mp4")]
    assert created.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/meetings"
    assert created.headers["x-amz-storage-class"] == "STANDARD_IA"


def test_default_connection(s3: S3Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _connect(monkeypatch, _documented()["MinIO"], "aws_default", endpoint_url=s3.front.url)
    store_at("s3://lake").put("at@root", b"x")
    assert s3.names() == {"at@root"}


@pytest.mark.parametrize(
    ("vendor", "bucket", "host"),
    [
        ("Alibaba OSS", "lake", "lake.s3.oss-cn-hangzhou.aliyuncs.com"),
        ("Tencent COS", "lake-1250000000", "lake-1250000000.cos.ap-guangzhou.myqcloud.com"),
    ],
)
def test_documented_connections_of_other_vendors(
    monkeypatch: pytest.MonkeyPatch, vendor: str, bucket: str, host: str
) -> None:
    """A proxy of the test records the requests to their hosts."""
    connection = _documented()[vendor]
    with serve_front("http://nowhere.invalid") as proxy:
        created = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
        completed = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
        for operation, body in {"Create": created, "UploadPart": b"", "Complete": completed, "Put": b""}.items():
            proxy.on(operation, lambda forward, body=body: Response(200, {"ETag": '"e"'}, body))  # type: ignore[misc]
        proxy.on("Head", lambda forward: Response(200, {"ETag": '"e"', "Content-Length": str(len(BODY))}, b""))
        config = {**connection["extra"]["config_kwargs"], "proxies": {"http": proxy.url}}
        endpoint = connection["extra"]["endpoint_url"].replace("https://", "http://")
        _connect(monkeypatch, connection, endpoint_url=endpoint, config_kwargs=config)
        store = store_at(f"s3://lake_conn@{bucket}/raw")
        _upload(store)
        store.put("a.receipt.json", b"{}")
        assert {request.operation for request in proxy.requests} == {"Create", "UploadPart", "Complete", "Head", "Put"}
        for request in proxy.requests:
            assert request.headers["host"] == host
            assert request.path.startswith("/raw/a.")
            assert not any("checksum" in name or "trailer" in name for name in request.headers), request.operation
            assert "aws-chunked" not in request.headers.get("content-encoding", "")
            assert re.fullmatch("[0-9a-f]{64}", request.headers["x-amz-content-sha256"])


def test_docs_name_all_extra_arguments() -> None:
    assert [name for name in EXTRA_ARGS if f"``{name}``" not in PAGE] == []


@pytest.mark.parametrize(
    ("extra_args", "message"),
    [({"StorageClas": "S3CRET"}, "'StorageClas' is not one of"), ("S3CRET", "not a JSON object")],
)
def test_invalid_extra_args_are_named(monkeypatch: pytest.MonkeyPatch, extra_args: object, message: str) -> None:
    _connect(monkeypatch, _documented()["MinIO"], service_config={"s3": {"extra_args": extra_args}})
    with pytest.raises(InvalidRequest, match=message) as caught:
        store_at("s3://lake_conn@lake/raw")
    assert "lake_conn" in str(caught.value)
    assert "S3CRET" not in error_text(caught.value)


def test_unknown_botocore_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _connect(monkeypatch, _documented()["MinIO"], config_kwargs={"addressing": "S3CRET"})
    with pytest.raises(InvalidRequest, match="extra of connection 'lake_conn' is invalid"):
        store_at("s3://lake_conn@lake/raw")


def test_undefined_connection_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'absent' is not defined"):
        store_at("s3://absent@lake/raw")


@pytest.mark.parametrize("address", ["s3://", "s3:///raw", "s3://lake_conn@/raw"])
def test_address_without_bucket_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequest, match="has no bucket"):
        store_at(address)


@pytest.mark.parametrize("address", ["oss://lake/raw", "cos://lake/raw"])
def test_schemes_of_other_vendors_lead_to_s3(address: str) -> None:
    with pytest.raises(InvalidRequest, match=r"as s3://.*pip install 'airflow-provider-meetings\[amazon\]'"):
        store_at(address)


def test_missing_provider_names_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow.providers.amazon.aws.hooks.s3", None)
    with pytest.raises(InvalidRequest, match=r"pip install 'airflow-provider-meetings\[amazon\]'"):
        store_at("s3://lake_conn@lake/raw")
