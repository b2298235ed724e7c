from __future__ import annotations

import pytest
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, Throttled

from emailseq.lib.api.fields import Strict
from emailseq.lib.api.problems import handler, step


class Child(Strict):
    size = serializers.IntegerField(max_value=3)


class Parent(Strict):
    name = serializers.CharField(max_length=3)
    child = Child(required=False)
    children = Child(many=True, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=3), required=False)

    def validate(self, attrs):
        if attrs["name"] == "bad":
            raise serializers.ValidationError("Not as a whole.", "whole")
        return attrs


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"name": None}, {("/name", "required")}),
        ({"name": ""}, {("/name", "required")}),
        ({"name": "abcd", "x": 1}, {("/name", "too_long"), ("/x", "unknown_field")}),
        (
            {"name": "a", "child": {"size": 4, "y~/z": 1}},
            {
                ("/child/size", "too_large"),
                ("/child/y~0~1z", "unknown_field"),
            },
        ),
        ({"name": "a", "child": []}, {("/child", "invalid")}),
        (
            {"name": "a", "children": [{"size": 1}, {"size": "x"}, 7]},
            {
                ("/children/1/size", "invalid"),
                ("/children/2", "invalid"),
            },
        ),
        ({"name": "a", "children": {}}, {("/children", "not_a_list")}),
        (
            {"name": "a", "tags": ["ok", "far too long", None]},
            {
                ("/tags/1", "too_long"),
                ("/tags/2", "required"),
            },
        ),
        ({"name": "bad"}, {("", "whole")}),
        ([], {("", "invalid")}),
    ],
)
def test_every_fault_is_pointed_at(body, faults):
    serializer = Parent(data=body)
    assert not serializer.is_valid()

    answer = handler(serializers.ValidationError(serializer.errors), {})

    assert answer.status_code == 400
    assert {(one["pointer"], one["code"]) for one in answer.data["errors"]} == faults


def test_a_pointer_escapes_what_would_mislead_it():
    assert step("", "a/b~c") == "/a~1b~0c"
    assert step("/list", 0) == "/list/0"


def test_a_throttle_says_when():
    answer = handler(Throttled(wait=2.1), {})

    assert (answer.status_code, answer.data["code"]) == (429, "rate_limited")
    assert answer.headers["Retry-After"] == "3"


def test_what_nobody_has_a_word_for_is_our_own_fault():
    class Teapot(APIException):
        status_code = status.HTTP_418_IM_A_TEAPOT

    assert handler(Teapot(), {}) is None
    assert handler(RuntimeError(), {}) is None
