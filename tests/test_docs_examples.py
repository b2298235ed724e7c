"""The examples of the documents run as they stand, and are answered as the document says."""

from __future__ import annotations

import json
import re
import shlex
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from delivery.tests.factories import SenderFactory
from sequences.tests.factories import SequenceFactory
from subscribers import services
from subscribers.segments import references, rules
from subscribers.segments.comparisons import OPERATORS
from subscribers.tests.factories import ListFactory, SegmentFactory, SubscriberFactory

pytestmark = pytest.mark.django_db

GUIDES = Path(__file__).parent.parent / "docs" / "integrators"
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CURL = re.compile(r"^curl .*?(?=^curl |^\w+=|\Z)", re.MULTILINE | re.DOTALL)
# What differs from run to run: ids, and the day on which the answers were written down.
PASSING = re.compile(r"[a-z]{3}_[0-9a-z]{26}|2026-11-24T.+Z")


def is_told(said, got):
    """Whether an answer is what the document says; “…” stands for anything."""
    if isinstance(said, dict) and isinstance(got, dict):
        return said.keys() == got.keys() and all(is_told(said[name], got[name]) for name in said)
    if isinstance(said, list) and isinstance(got, list):
        return len(said) == len(got) and all(map(is_told, said, got))
    if said == "…":
        return bool(got)
    if isinstance(said, str) and PASSING.fullmatch(said):
        return isinstance(got, str) and got[:2] == said[:2]
    return said == got


def call(api, command, names):
    for name, value in names.items():
        command = command.replace(f"${name}", value)
    words = shlex.split(command.replace("\\\n", " "))
    options = {"-X": "GET", "-d": None}
    rest = iter(words[1:])
    for word in rest:
        if word in ("-X", "-d", "-H"):
            options[word] = next(rest)
        else:
            path = word
    body = json.loads(options["-d"]) if options["-d"] else None
    return api(options["-X"], path.removeprefix("$API"), body)


def test_rules():
    workspace = WorkspaceFactory()
    api = Api(workspace)
    for key, kind in (("plan", "text"), ("renewal", "date")):
        services.create_field(workspace, key=key, label=key, kind=kind, by=SYSTEM)
    for name in ("vip", "customer"):
        services.create_tag(workspace, name=name, by=SYSTEM)
    services.create_list(workspace, name="Newsletter", slug="newsletter", by=SYSTEM)
    SequenceFactory(workspace=workspace, slug="welcome")
    SegmentFactory(workspace=workspace, slug="regulars")
    told = {"subscriber": {"email": "ada@example.com"}, "name": "order_placed"}
    assert api("POST", "/events", told).status_code == 202
    answer, checked = None, 0

    for kind, text in BLOCK.findall((GUIDES / "rules.md").read_text(encoding="utf-8")):
        if kind == "sh":
            [command] = CURL.findall(text)
            answer = call(api, command, {})
        elif answer:
            assert is_told(json.loads(text), answer.json()), (text, answer.json())
            checked += 1
        else:
            references.resolve(json.loads(text), workspace)
            checked += 1
    assert checked == 15


def test_the_language_of_rules_is_described_in_full():
    page = (GUIDES / "rules.md").read_text(encoding="utf-8")
    words = set(re.findall(r"`(\w+)`", page))

    assert {*OPERATORS, *rules.LIST_OPERATORS, *rules.COUNT_OPERATORS} <= words
    assert {*rules.MESSAGES, *rules.ENROLLMENTS, *references.BUILT_IN} <= words


def test_sequences_as_code(tmp_path):
    text = (GUIDES / "sequences-as-code.md").read_text(encoding="utf-8")
    [document] = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    file = tmp_path / "onboarding.yaml"
    file.write_text(document, encoding="utf-8")
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("test_sequence", file, stdout=out)
    assert (end.value.code, out.getvalue().splitlines()[-1]) == (0, "3 tests, 0 failed")

    workspace = SenderFactory(workspace=WorkspaceFactory()).workspace
    ListFactory(workspace=workspace, slug="newsletter")
    ada = SubscriberFactory(workspace=workspace, email="ada@example.com")
    api = Api(workspace)
    assert api("POST", "/sequences/from-recipe", {"recipe": "welcome"}).status_code == 201
    compared, answer = 0, None
    for kind, block in BLOCK.findall(text):
        if kind == "json":
            assert is_told(json.loads(block), answer.json()), answer.json()
            compared += 1
        for command in CURL.findall(block) if kind == "sh" else ():
            answer = call(api, command, {"ADA": ada.public_id})
            assert answer.status_code < 300, (command, answer.json())
    assert compared == 1


def test_events():
    ada = SubscriberFactory(workspace=WorkspaceFactory(), email="ada@example.com")
    api = Api(ada.workspace)
    compared = 0
    for kind, text in BLOCK.findall((GUIDES / "events.md").read_text(encoding="utf-8")):
        if kind == "sh":
            commands = CURL.findall(text)
            for command in commands:
                answer = call(api, command, {"ADA": ada.public_id})
                assert answer.status_code < 300 or command == commands[-1], command
        else:
            assert is_told(json.loads(text), answer.json()), (text, answer.json())
            compared += 1
    assert compared == 10


def test_transactional():
    workspace = SenderFactory(workspace=WorkspaceFactory()).workspace
    api = Api(workspace)
    [(_, commands), (_, told)] = BLOCK.findall(
        (GUIDES / "transactional.md").read_text(encoding="utf-8")
    )
    made, publish, send = CURL.findall(commands)

    assert call(api, made, {}).status_code == 201
    assert 'If-Match: "r1"' in publish
    assert api("POST", "/templates/receipt/publish", match='"r1"').status_code == 200
    answer = call(api, send, {})

    assert answer.status_code == 202
    assert is_told(json.loads(told), answer.json()), answer.json()
