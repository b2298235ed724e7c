from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

from tests.support import contract
from tests.support.api import operations


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    path = tmp_path_factory.mktemp("api") / "openapi.json"
    call_command(
        "spectacular",
        "--validate",
        "--fail-on-warn",
        "--format=openapi-json",
        f"--file={path}",
    )
    return json.loads(path.read_text(encoding="utf-8"))


def described(schema):
    return [
        (method.upper(), path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_route_is_described(schema):
    assert schema["openapi"] == "3.1.0"
    assert {(method, path) for method, path, _ in described(schema)} == {
        (one.method, one.path) for one in operations()
    }


def test_every_operation_has_a_name_of_its_own_and_its_problems(schema):
    names = Counter(operation["operationId"] for _, _, operation in described(schema))

    assert [name for name, count in names.items() if count > 1] == []
    for _, path, operation in described(schema):
        assert operation["summary"], path
        assert operation["description"], path
        problem = operation["responses"]["default"]["content"]["application/problem+json"]
        assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_every_operation_says_how_to_sign_in_and_what_it_takes(schema):
    for _, path, operation in described(schema):
        if path.startswith("/api/v1/auth/"):
            assert "security" not in operation
        else:
            assert operation["security"] == [{"apiKey": []}, {"accessToken": []}]
        if not path.startswith(("/api/v1/auth/", "/api/v1/me")):
            assert "Takes the permission `" in operation["description"], path


def test_what_needs_an_if_match_says_so(schema):
    guarded = {
        operation["operationId"]
        for _, _, operation in described(schema)
        if any(one["name"] == "If-Match" for one in operation.get("parameters", []))
    }

    assert guarded == {
        f"{kind}_{action}"
        for kind, actions in {
            "campaigns": ("partial_update", "destroy"),
            "campaign_trials": ("replace", "remove"),
            "drafts": ("replace", "undo"),
            "saved_blocks": ("partial_update", "destroy"),
            "segments": ("partial_update", "destroy"),
            "sequences": ("partial_update", "destroy", "publish", "triggers", "endings"),
            "steps": ("partial_update", "destroy"),
            "template_versions": ("restore",),
            "templates": ("partial_update", "destroy", "publish"),
            "translations": ("replace", "remove"),
            "versions": ("restore",),
        }.items()
        for action in actions
    }


def test_what_v1_has_promised_it_keeps(schema):
    assert contract.broken(contract.read(), contract.lines(schema)) == []


def test_what_goes_and_what_is_asked_for_anew_breaks_the_promise(schema):
    promised = contract.lines(schema)
    now = {**promised, "TagRequest": {"slug:string", "colour!:string"}}
    del now["GET /api/v1/lists"]

    faults = contract.broken(promised, now)

    assert "GET /api/v1/lists is gone" in faults
    assert "TagRequest: name!:string is gone" in faults
    assert "TagRequest: colour!:string is asked for now" in faults
    assert all(one.startswith(("GET /api/v1/lists ", "TagRequest: ")) for one in faults)


def test_no_database_id_is_described(schema):
    for name, component in schema["components"]["schemas"].items():
        for member, value in component.get("properties", {}).items():
            if member == "id" or member.endswith("_id"):
                assert value["type"] == "string", (name, member)


def test_the_description_is_served_without_a_credential(db):
    answer = Client().get("/api/v1/openapi.json")

    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "emailseq"


def test_the_documentation_runs_nothing_inline(db):
    page = Client().get("/api/docs/")
    html = page.content.decode()
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", html, re.DOTALL)
    sources = [re.search(r'src="([^"]+)"', attributes)[1] for attributes, _ in scripts]

    assert page.status_code == 200
    assert (
        "'unsafe-inline'" not in page.headers["Content-Security-Policy"].partition("style-src")[0]
    )
    assert len(scripts) == 3
    assert [body.strip() for _, body in scripts] == ["", "", ""]
    assert all(source.startswith("/") for source in sources)
    for source in sources[:2]:
        assert finders.find(source.removeprefix("/static/")), source
    script = Client().get(sources[2].replace("&amp;", "&"))
    assert script.headers["Content-Type"].startswith("application/javascript")
    assert b"/api/v1/openapi.json" in script.content
