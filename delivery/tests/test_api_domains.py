from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from delivery.models import DkimKey, SendingDomain
from delivery.tests.factories import make_domain
from emailseq.lib import clock

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.fixture
def operator(workspace):
    """May not see people, but whether mail leaves."""
    return Api(workspace, "delivery:write")


def levels(answer):
    """The worst finding of each kind."""
    order = ["good", "unknown", "advice", "bad"]
    found = {}
    for each in answer.json()["findings"]:
        found[each["kind"]] = max(found.get(each["kind"], "good"), each["level"], key=order.index)
    return found


def test_a_domain_is_made_with_what_to_publish(operator, names):
    with clock.frozen(NOON):
        made = operator("POST", "/sending-domains", {"name": "News.Straße.example."})

    domain, key = SendingDomain.objects.get(), DkimKey.objects.get()
    shown = made.json()
    assert made.status_code == 201
    assert operator("GET", made.headers["Location"]).json() == shown
    findings = shown.pop("findings")
    assert shown == {
        "id": domain.public_id,
        "name": "news.xn--strae-oqa.example",
        "bounce_domain": "bounce.news.xn--strae-oqa.example",
        "tracking_host": "",
        "tracking_ready": False,
        "state": "unverified",
        "keys": [
            {
                "selector": key.selector,
                "algorithm": "rsa-2048",
                "state": "new",
                "host": f"{key.selector}._domainkey.news.xn--strae-oqa.example",
                "record": key.record,
                "created_at": "2026-03-01T12:00:00Z",
                "replaced_at": None,
            }
        ],
        "checked_at": None,
        "created_at": "2026-03-01T12:00:00Z",
    }
    assert {each["level"] for each in findings} == {"unknown"}
    assert findings[0] == {
        "kind": "spf",
        "type": "TXT",
        "host": "bounce.news.xn--strae-oqa.example",
        "expected": "v=spf1 ip4:192.0.2.1 ~all",
        "level": "unknown",
        "found": [],
        "advice": "Not checked yet.",
    }
    assert key.record in [each["expected"] for each in findings]
    assert not names.asked


def test_nobody_is_shown_a_private_key(api):
    made = api("POST", "/sending-domains", {"name": "harbour.example"})
    secret = DkimKey.objects.get().private_key

    assert secret.reveal().startswith("-----BEGIN PRIVATE KEY-----")
    for answer in (made, api("GET", "/sending-domains")):
        assert b"PRIVATE KEY" not in answer.content
        assert secret.token.encode() not in answer.content
        assert b"private_key" not in answer.content


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"name": "harbour"}, "/name", "invalid_domain"),
        ({"name": "a b.example"}, "/name", "invalid_domain"),
        ({"name": "mie@harbour.example"}, "/name", "invalid_domain"),
        ({"name": "192.0.2.1"}, "/name", "invalid_domain"),
        ({"name": "x.example", "bounce_domain": "y.example"}, "/bounce_domain", "not_below"),
        ({"name": "x.example", "bounce_domain": "bx.example"}, "/bounce_domain", "not_below"),
        ({"name": "x.example", "bounce_domain": "-"}, "/bounce_domain", "invalid_domain"),
        ({"bounce_domain": "x.example"}, "/name", "required"),
        ({"name": "x.example", "state": "verified"}, "/state", "unknown_field"),
        ({"name": "x.example", "keys": []}, "/keys", "unknown_field"),
    ],
)
def test_a_domain_that_is_none_is_refused(api, body, pointer, code):
    answer = api("POST", "/sending-domains", body)

    faults = [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
    assert faults == [(pointer, code)]
    assert not SendingDomain.objects.exists()


def test_a_workspace_knows_a_domain_once(api):
    assert api("POST", "/sending-domains", {"name": "harbour.example"}).status_code == 201

    again = api("POST", "/sending-domains", {"name": "HARBOUR.example"})

    assert (again.status_code, again.json()["code"]) == (409, "duplicate")
    other = Api(WorkspaceFactory())("POST", "/sending-domains", {"name": "harbour.example"})
    assert other.status_code == 201


def test_a_check_verifies_and_the_key_signs(api, names):
    url = api("POST", "/sending-domains", {"name": "harbour.example"}).headers["Location"]
    names.publish(SendingDomain.objects.get())

    with clock.frozen(NOON):
        answer = api("POST", f"{url}/check")

    assert levels(answer) == dict.fromkeys(
        ["spf", "dkim", "dmarc", "return_path", "ptr", "tls", "links"], "good"
    )
    assert (answer.json()["state"], answer.json()["checked_at"]) == (
        "verified",
        "2026-03-01T12:00:00Z",
    )
    assert [key["state"] for key in answer.json()["keys"]] == ["active"]
    assert api("GET", "/sending-domains?state=verified").json()["data"] == [answer.json()]
    assert api("GET", "/sending-domains?state=failing").json()["data"] == []


def test_a_check_of_a_bare_domain_says_what_is_missing(api, names):
    url = api("POST", "/sending-domains", {"name": "harbour.example"}).headers["Location"]

    answer = api("POST", f"{url}/check")

    assert answer.status_code == 200
    assert {kind: level for kind, level in levels(answer).items() if kind != "tls"} == (
        dict.fromkeys(["spf", "dkim", "dmarc", "return_path", "ptr", "links"], "bad")
    )
    assert answer.json()["state"] == "unverified"
    assert [key["state"] for key in answer.json()["keys"]] == ["new"]


def test_a_key_is_rotated_when_dns_shows_the_next_one(api, names, workspace):
    domain = make_domain(names, workspace=workspace)
    url = f"/sending-domains/{domain.public_id}"

    rotated = api("POST", f"{url}/rotate-dkim")

    old, new = rotated.json()["keys"]
    assert (old["state"], new["state"]) == ("active", "new")
    assert old["record"] != new["record"]
    waiting = [each for each in rotated.json()["findings"] if each["host"] == new["host"]]
    assert [(each["expected"], each["level"]) for each in waiting] == [(new["record"], "unknown")]
    assert rotated.json()["state"] == "verified"
    assert levels(rotated)["spf"] == "good"

    checked = api("POST", f"{url}/check")
    assert [key["state"] for key in checked.json()["keys"]] == ["active", "new"]
    assert (checked.json()["state"], levels(checked)["dkim"]) == ("verified", "advice")

    names.publish(domain)
    with clock.frozen(NOON):
        checked = api("POST", f"{url}/check")
    assert [key["state"] for key in checked.json()["keys"]] == ["retiring", "active"]
    assert checked.json()["keys"][0]["replaced_at"] == "2026-03-01T12:00:00Z"
    assert levels(checked)["dkim"] == "good"


def test_rotating_twice_makes_one_key(api, names, workspace):
    url = f"/sending-domains/{make_domain(names, workspace=workspace).public_id}/rotate-dkim"

    first, second = api("POST", url).json(), api("POST", url).json()

    assert first == second
    assert len(second["keys"]) == 2


def test_a_second_algorithm_signs_beside_the_first(api, names, workspace):
    domain = make_domain(names, workspace=workspace)
    url = f"/sending-domains/{domain.public_id}"

    api("POST", f"{url}/rotate-dkim", {"algorithm": "ed25519"})
    names.publish(domain)
    keys = api("POST", f"{url}/check").json()["keys"]

    assert [(key["algorithm"], key["state"]) for key in keys] == [
        ("rsa-2048", "active"),
        ("ed25519", "active"),
    ]
    refused = api("POST", f"{url}/rotate-dkim", {"algorithm": "rsa-1024"})
    assert refused.json()["errors"][0]["pointer"] == "/algorithm"


def test_bounces_go_somewhere_else(api, names, workspace):
    domain = make_domain(names, workspace=workspace)
    url = f"/sending-domains/{domain.public_id}"

    answer = api("PATCH", url, {"bounce_domain": "b.harbour.example"})

    assert answer.json()["bounce_domain"] == "b.harbour.example"
    assert (answer.json()["state"], answer.json()["checked_at"]) == ("verified", None)
    assert levels(answer) == {
        **dict.fromkeys(["dkim", "dmarc", "ptr", "tls", "links"], "good"),
        "spf": "unknown",
        "return_path": "unknown",
    }
    assert api("PATCH", url, {}).json() == answer.json()
    assert api("PATCH", url, {"name": "x.example"}).json()["errors"][0]["code"] == "unknown_field"


def test_a_domain_goes_with_its_keys(api, names, workspace):
    domain = make_domain(names, workspace=workspace)

    assert api("DELETE", f"/sending-domains/{domain.public_id}").status_code == 204

    assert not SendingDomain.objects.exists()
    assert not DkimKey.objects.exists()
    verbs = AuditEntry.objects.of(workspace).order_by("id").values_list("verb", flat=True)
    assert [verb for verb in verbs if verb.partition(".")[0] in ("domain", "dkim_key")] == [
        "domain.created",
        "dkim_key.created",
        "dkim_key.activated",
        "domain.verified",
        "domain.deleted",
    ]


def test_whoever_only_reads_changes_nothing(api, names, workspace):
    domain = make_domain(names, workspace=workspace)
    reader = Api(workspace, "delivery:read")
    url = f"/sending-domains/{domain.public_id}"

    assert reader("GET", url).status_code == 200
    for method, path in [
        ("POST", "/sending-domains"),
        ("PATCH", url),
        ("DELETE", url),
        ("POST", f"{url}/check"),
        ("POST", f"{url}/rotate-dkim"),
    ]:
        assert reader(method, path).json()["scope"] == "delivery:write"
