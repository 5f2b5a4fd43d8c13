"""Reading and writing beyond the round trips: what cannot be read, what is ignored, and formats clients may choose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.errors import ValidationException
from outcrop.wire import scalar, spec, values
from outcrop.wire.errors import SerializationException
from outcrop.wire.restjson import Incoming, request_reader, response_writer
from outcrop.wire.spec import Service

KINDS = ("string", "integer", "long", "float", "boolean", "blob", "timestamp")
SHAPES: dict[str, Any] = {kind.capitalize(): {"type": kind} for kind in KINDS} | {
    "Any": {"type": "structure", "members": {}, "document": True},
    "Strings": {"type": "list", "member": {"shape": "String"}},
    "Map": {"type": "map", "key": {"shape": "String"}, "value": {"shape": "Integer"}},
    "Deep": {"type": "structure", "members": {"deep": {"shape": "Deep"}, "list": {"shape": "Strings"}}},
    "All": {
        "type": "structure",
        "members": {
            name.lower(): {"shape": name} for name in (*map(str.capitalize, KINDS), "Any", "Strings", "Map", "Deep")
        }
        | {"json": {"shape": "String", "jsonvalue": True}},
    },
}
SERVICE = Service("s", {"metadata": {}, "operations": {}, "shapes": SHAPES})
ALL = SERVICE.shape("All")
CONVERSE = spec.load("bedrock-runtime").operation("Converse")
LIST_JOBS = spec.load("bedrock").operation("ListModelCustomizationJobs")
GET_AGENT = spec.load("bedrock-agent").operation("GetAgent")
INVOKE = spec.load("bedrock-runtime").operation("InvokeModel")


def read(value: Any) -> Any:
    return values.reader(ALL)(value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"string": 1}, "NUMBER_VALUE can not be converted to a String at 'string'"),
        ({"string": ["a"]}, "START_ARRAY can not be converted to a String at 'string'"),
        ({"integer": "1"}, "STRING_VALUE can not be converted to an Integer at 'integer'"),
        ({"integer": 1.5}, "NUMBER_VALUE can not be converted to an Integer at 'integer'"),
        ({"integer": True}, "BOOLEAN_VALUE can not be converted to an Integer at 'integer'"),
        ({"integer": 1 << 31}, "Numeric value out of range of Integer at 'integer'"),
        ({"long": 1 << 63}, "Numeric value out of range of Long at 'long'"),
        ({"float": "1.0"}, "STRING_VALUE can not be converted to a Float at 'float'"),
        ({"float": False}, "BOOLEAN_VALUE can not be converted to a Float at 'float'"),
        ({"boolean": 1}, "NUMBER_VALUE can not be converted to a Boolean at 'boolean'"),
        ({"boolean": "true"}, "STRING_VALUE can not be converted to a Boolean at 'boolean'"),
        ({"blob": "not base64!"}, "Invalid base64 content at 'blob'"),
        ({"blob": "YQ"}, "Invalid base64 content at 'blob'"),
        ({"blob": 1}, "NUMBER_VALUE can not be converted to a Blob at 'blob'"),
        ({"timestamp": "yesterday"}, "Timestamp could not be parsed at 'timestamp'"),
        ({"timestamp": 1e300}, "Timestamp out of range at 'timestamp'"),
        ({"timestamp": "1e300"}, "Timestamp out of range at 'timestamp'"),
        ({"timestamp": {}}, "START_OBJECT can not be converted to a String at 'timestamp'"),
        ({"strings": {}}, "START_OBJECT can not be converted to a list at 'strings'"),
        ({"strings": ["a", 2]}, "NUMBER_VALUE can not be converted to a String at 'strings.2.member'"),
        ({"map": []}, "START_ARRAY can not be converted to a map at 'map'"),
        ({"map": {"k": "v"}}, "STRING_VALUE can not be converted to an Integer at 'map.k'"),
        (
            {"deep": {"deep": {"list": [1]}}},
            "NUMBER_VALUE can not be converted to a String at 'deep.deep.list.1.member'",
        ),
        ({"deep": "x"}, "STRING_VALUE can not be converted to a structure at 'deep'"),
        ([], "START_ARRAY can not be converted to a structure"),
    ],
)
def test_values_of_the_wrong_type(value: Any, says: str) -> None:
    with pytest.raises(SerializationException) as caught:
        read(value)
    assert str(caught.value) == says


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(ALL.members)), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_any_json_is_read_or_refused(value: Any) -> None:
    try:
        read(value)
    except SerializationException as error:
        assert str(error)


def test_nulls_and_unknown_members_are_as_if_not_there() -> None:
    assert read({"string": None, "unknown": {"a": 1}, "__type": "x"}) == {}


def test_documents_pass_as_they_are() -> None:
    value = {"a": None, "b": [1, 2.5, {"c": "d"}]}
    assert read({"any": value}) == {"any": value}
    assert values.writer(ALL)({"any": value}) == {"any": value}


def test_whole_floats_are_integers_and_integers_are_floats() -> None:
    got = read({"integer": 5.0, "float": 5})
    assert (got["integer"], type(got["integer"])) == (5, int)
    assert (got["float"], type(got["float"])) == (5.0, float)


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_floats_that_are_no_numbers_go_by_name(name: str) -> None:
    assert values.writer(ALL)(read({"float": name})) == {"float": name}


MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        1772600767,
        1772600767.0,
        "1772600767",
        "2026-03-04T05:06:07Z",
        "2026-03-04T05:06:07",
        "2026-03-04T06:06:07+01:00",
        "2026-03-04T05:06:07.000Z",
        "Wed, 04 Mar 2026 05:06:07 GMT",
    ],
)
def test_times_are_read_in_every_format(text: Any) -> None:
    got = read({"timestamp": text})["timestamp"]
    assert got == MOMENT
    assert got.tzinfo is UTC


def test_times_are_written_in_every_format() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=3)))
    for moment in (MOMENT, MOMENT.replace(tzinfo=None), elsewhere, MOMENT.timestamp()):
        assert scalar.write_timestamp(moment, "iso8601") == "2026-03-04T05:06:07Z"
        assert scalar.write_timestamp(moment, "rfc822") == "Wed, 04 Mar 2026 05:06:07 GMT"
        assert scalar.write_timestamp(moment, "unixTimestamp") == 1772600767
    assert scalar.write_timestamp(MOMENT.replace(microsecond=89_000), "iso8601") == "2026-03-04T05:06:07.089Z"


def test_json_in_a_string_may_come_as_json() -> None:
    assert read({"json": {"a": 1}}) == {"json": '{"a":1}'}
    assert read({"json": '{"a": 1}'}) == {"json": '{"a": 1}'}


def test_a_key_that_the_model_lacks_is_not_written() -> None:
    for operation, result in (
        (CONVERSE, {"outptu": {}}),
        (CONVERSE, {"output": {"mesage": {}}}),
        (INVOKE, {"bdy": b""}),
    ):
        with pytest.raises(LookupError):
            response_writer(operation)(result)


def test_nones_are_left_out() -> None:
    answer = response_writer(CONVERSE)({"stopReason": "end_turn", "trace": None, "metrics": {"latencyMs": None}})
    assert answer.body == b'{"stopReason":"end_turn","metrics":{}}'


# ------------------------------------------------------------------ labels, queries, headers


def request(operation: Any, labels: dict[str, str] | None = None, query: str = "", **headers: str) -> Any:
    return request_reader(operation)(Incoming(labels or {}, query, headers, b""))


@pytest.mark.parametrize(
    "query", ["maxResults=many", "maxResults=", "maxResults=1.5", "creationTimeAfter=x", "maxResults=9" * 99]
)
def test_a_query_that_cannot_be_read(query: str) -> None:
    with pytest.raises(SerializationException, match=r"at '(maxResults|creationTimeAfter)'"):
        request(LIST_JOBS, query=query)


@pytest.mark.parametrize("query", ["nextToken=%ff", "&" * 5000 + "a=b", "a=b&" * 2000])
def test_a_query_that_is_nonsense(query: str) -> None:
    try:
        request(LIST_JOBS, query=query)
    except ValidationException as error:
        assert "query" in error.message


def test_a_query_is_decoded_and_its_first_item_counts() -> None:
    got = request(
        LIST_JOBS,
        query="maxResults=5&nextToken=a%2Bb%20c&maxResults=6&creationTimeAfter=2026-03-04T05%3A06%3A07Z&other=x",
    )
    assert got == {"maxResults": 5, "nextToken": "a+b c", "creationTimeAfter": MOMENT}


def test_a_label_that_is_not_utf8() -> None:
    with pytest.raises(ValidationException, match="agentId is not UTF-8"):
        request(GET_AGENT, {"agentId": "%ff"})


def test_a_label_is_decoded_once() -> None:
    assert request(GET_AGENT, {"agentId": "a%252Fb%2F"}) == {"agentId": "a%2Fb/"}


def test_headers_and_a_blob_body() -> None:
    got = request_reader(INVOKE)(
        Incoming({"modelId": "m"}, "", {"content-type": "a/b", "x-amzn-bedrock-trace": "ENABLED"}, b"\x00raw")
    )
    assert got == {"modelId": "m", "contentType": "a/b", "trace": "ENABLED", "body": b"\x00raw"}


def test_a_blob_answer_has_the_content_type_that_the_handler_says() -> None:
    answer = response_writer(INVOKE)({"body": b"{}", "contentType": "application/json"})
    assert (answer.headers["content-type"], answer.body) == ("application/json", b"{}")


# ------------------------------------------------------------------ depth


@pytest.mark.parametrize(("depth", "limit", "deeper"), [(3, 3, False), (4, 3, True), (1, 1, False), (900, 64, True)])
def test_depth(depth: int, limit: int, deeper: bool) -> None:
    value: Any = 1
    for at in range(depth):
        value = [value] if at % 2 else {"a": value}
    assert values.is_deeper(value, limit) is deeper


def test_wide_json_is_not_deep() -> None:
    assert not values.is_deeper([{"a": []}] * 1000, 3)
