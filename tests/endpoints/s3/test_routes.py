"""Which operation a request line means: above all, that none is taken for another that destroys."""

from __future__ import annotations

import pytest

from outcrop.endpoints.s3 import routes
from outcrop.endpoints.s3.operations import HANDLERS


@pytest.mark.parametrize(
    "query", [name for name in sorted(routes._telling_names()) if name not in ("list-type", "select-type", "uploadId")]
)
@pytest.mark.parametrize(("key", "dangerous"), [("", "DeleteBucket"), ("k", "DeleteObject")])
def test_a_subresource_is_never_overlooked(query: str, key: str, dangerous: str) -> None:
    assert routes.find("DELETE", "b", key, {query: ""}, {}) != dangerous
    assert routes.find("PUT", "b", key, {query: ""}, {}) not in ("CreateBucket", "PutObject")


@pytest.mark.parametrize(
    ("line", "query", "headers", "name"),
    [
        ("GET / ", {}, (), "ListBuckets"),
        ("PUT b ", {}, (), "CreateBucket"),
        ("HEAD b ", {}, (), "HeadBucket"),
        ("DELETE b ", {}, (), "DeleteBucket"),
        ("GET b ", {"location": ""}, (), "GetBucketLocation"),
        ("GET b ", {}, (), "ListObjects"),
        ("GET b ", {"list-type": "2", "prefix": "x"}, (), "ListObjectsV2"),
        ("GET b ", {"uploads": ""}, (), "ListMultipartUploads"),
        ("POST b ", {"delete": ""}, (), "DeleteObjects"),
        ("GET b ", {"versions": ""}, (), "ListObjectVersions"),
        ("PUT b k", {"x-id": "PutObject"}, (), "PutObject"),
        ("PUT b k", {}, ("x-amz-copy-source",), "CopyObject"),
        ("PUT b k", {"uploadId": "u", "partNumber": "1"}, (), "UploadPart"),
        ("PUT b k", {"uploadId": "u", "partNumber": "1"}, ("x-amz-copy-source",), "UploadPartCopy"),
        ("POST b k", {"uploads": ""}, (), "CreateMultipartUpload"),
        ("POST b k", {"uploadId": "u"}, (), "CompleteMultipartUpload"),
        ("DELETE b k", {"uploadId": "u"}, (), "AbortMultipartUpload"),
        ("GET b k", {"uploadId": "u"}, (), "ListParts"),
        ("GET b k", {"partNumber": "2"}, (), "GetObject"),
        ("HEAD b k", {"partNumber": "2"}, (), "HeadObject"),
        ("DELETE b k", {"versionId": "null"}, (), "DeleteObject"),
        ("GET b k", {"acl": ""}, (), "GetObjectAcl"),
        ("PUT b k", {"partNumber": "1"}, (), None),
        ("PATCH b k", {}, (), None),
        ("POST b ", {}, (), None),
    ],
)
def test_find(line: str, query: dict[str, str], headers: tuple[str, ...], name: str | None) -> None:
    method, bucket, key = line.split(" ")
    assert routes.find(method, bucket.strip("/"), key, query, dict.fromkeys(headers, "x")) == name


def test_every_handler_is_an_operation_of_the_model_and_can_be_reached() -> None:
    reachable = {route.name for table in routes._table().values() for route in table}
    assert set(HANDLERS) <= reachable
