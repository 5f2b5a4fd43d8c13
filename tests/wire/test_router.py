"""Routes: every operation by its own template, and the paths that are easily taken for one another."""

from __future__ import annotations

import pytest

from outcrop.wire import spec
from outcrop.wire.router import Router
from outcrop.wire.spec import Service

ROUTER = Router()
ACCOUNT = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A"


def found(method: str, path: str, query: str = "") -> str | None:
    match = ROUTER.match(method, path, query)
    return match and f"{match.operation.service} {match.operation.name}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/model//converse"),
        ("POST", "/model/m/converse/"),
        ("POST", "/model/m/converse/x"),
        ("GET", "/model/m/converse"),
        ("POST", "/model/arn:aws:bedrock/x/converse"),
        ("post", "/model/m/converse"),
        ("POST", "model/m/converse"),
        ("POST", ""),
        ("POST", "/"),
        ("POST", "//"),
        ("BREW", "/model/m/converse"),
        ("POST", "/model/m/../m/converse"),
        ("POST", "/MODEL/m/converse"),
    ],
)
def test_what_is_no_route(method: str, path: str) -> None:
    assert found(method, path) is None


def test_a_trailing_slash_counts() -> None:
    assert found("POST", "/agents/ABCDEFGHIJ/") == "bedrock-agent PrepareAgent"
    assert found("POST", "/agents/ABCDEFGHIJ") == "bedrock-agent-runtime InvokeInlineAgent"
    assert found("POST", "/agents/") == "bedrock-agent ListAgents"
    assert found("POST", "/agents") is None


def test_an_encoded_arn_is_one_label_and_stays_encoded() -> None:
    match = ROUTER.match("POST", f"/model/{ACCOUNT}inference-profile%2Fus.a.b/converse")
    assert match is not None
    assert match.labels == {"modelId": f"{ACCOUNT}inference-profile%2Fus.a.b"}


def test_colons_need_not_be_encoded() -> None:
    match = ROUTER.match("POST", "/model/anthropic.claude-v1:0/invoke")
    assert match is not None
    assert match.labels == {"modelId": "anthropic.claude-v1:0"}


@pytest.mark.parametrize("name", ["ListTagsForResource", "TagResource", "UntagResource"])
def test_tags_go_by_their_arn(name: str) -> None:
    method = {"ListTagsForResource": "GET", "TagResource": "POST", "UntagResource": "DELETE"}[name]
    session = f"{ACCOUNT}session%2F12345678-1234-1234-1234-123456789012"
    assert found(method, f"/tags/{session}") == f"bedrock-agent-runtime {name}"
    for kind in ("agent%2FABCDEFGHIJ", "flow%2FABCDEFGHIJ%2Falias%2FABCDEFGHIJ", "knowledge-base%2FABCDEFGHIJ"):
        assert found(method, f"/tags/{ACCOUNT}{kind}") == f"bedrock-agent {name}"
    assert found(method, "/tags/nonsense") == f"bedrock-agent {name}"


@pytest.mark.parametrize("service", spec.SERVICES)
def test_every_operation_has_its_route(service: str) -> None:
    for method, uri, name in spec.load(service).routes():
        path = "/".join("x" if segment.startswith("{") else segment for segment in uri.split("/"))
        if not uri.startswith("/tags/"):
            assert found(method, path) == f"{service} {name}"


def test_literals_go_before_labels_greedy_labels_last_and_query_items_decide() -> None:
    shape = {"type": "structure", "members": {n: {"shape": "S", "location": "uri", "locationName": n} for n in "ab"}}
    uris = {
        "Lit": "/x/y",
        "One": "/x/{a}",
        "Two": "/x/{a}/z",
        "Rest": "/x/{b+}",
        "Mid": "/g/{b+}/end",
        "Q": "/q?on&k=v",
    }
    operations = {
        name: {"name": name, "http": {"method": "GET", "requestUri": uri}, "input": {"shape": "I"}}
        for name, uri in uris.items()
    }
    shapes = {"I": shape, "S": {"type": "string"}}
    router = Router([Service("s", {"metadata": {}, "operations": operations, "shapes": shapes})])

    def names(path: str, query: str = "") -> tuple[str, dict[str, str]] | None:
        match = router.match("GET", path, query)
        return match and (match.operation.name, match.labels)

    assert names("/x/y") == ("Lit", {})
    assert names("/x/w") == ("One", {"a": "w"})
    assert names("/x/y/z") == ("Two", {"a": "y"})
    assert names("/x/y/w/v") == ("Rest", {"b": "y/w/v"})
    assert names("/g/1/2/end") == ("Mid", {"b": "1/2"})
    assert names("/g/end") is None
    assert names("/q", "k=v&on") == ("Q", {})
    assert names("/q", "k=v") is None


def test_long_paths_are_answered_fast() -> None:
    assert found("POST", "/agents" * 20_000) is None
    assert found("POST", "/" * 100_000) is None
