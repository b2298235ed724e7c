"""What `quickstart` puts on a new machine: a harbour, its newsletter, and a welcome sequence."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.db import transaction

from accounts import services as accounts
from accounts.audit import Actor
from accounts.models import User, Workspace
from delivery import services as delivery
from delivery.models import SenderIdentity
from sequences.models import Sequence
from sequences.services import edit
from sequences.services.publish import publish
from sequences.states import StepKind, TriggerKind
from subscribers import services as people
from subscribers.models import List
from templates_app import services as templates

HERE = Path(__file__).parent
WORKSPACE = "harbour"
PEOPLE = HERE / "people.csv"
CONSENT = "Signed the berth contract and ticked “Send me the Harbour newsletter”"
LEAVER = "agnieszka.nowak@post.example.org"  # says no after the first mail
WAIT = timedelta(seconds=12)  # in earnest, days; the engine is the same
MAILS = (
    ("welcome-1", "{{ subscriber.first_name | default: 'Sailor' }}, your berth is ready"),
    ("welcome-2", "How to read the tide table"),
    ("welcome-3", "One question from the harbour master"),
)
FIELDS = (
    ("boat", "Boat", "text"),
    ("length_m", "Length (m)", "number"),
    ("berth_since", "Berth since", "date"),
)

QUICKSTART = Actor.command("quickstart")


def owner(email: str) -> tuple[Workspace, User]:
    """The demo's workspace and its owner, made when they are missing."""
    workspace = accounts.create_workspace(
        name="Harbour",
        slug=WORKSPACE,
        postal_address="1 Quay Street, 2450 Copenhagen, Denmark",
        by=QUICKSTART,
    )
    existing = workspace.memberships.filter(group__name="Owner", user__email=email).first()
    if existing:
        return workspace, existing.user
    return workspace, accounts.add_member(
        email=email, workspace=workspace, role="Owner", by=QUICKSTART
    )


def welcome_sequence(workspace: Workspace) -> Sequence:
    """The live welcome sequence: mail, wait, mail, wait, mail. Made with all it needs, once."""
    existing = Sequence.objects.of(workspace).filter(slug="welcome").first()
    return existing or _make(workspace)


@transaction.atomic
def _make(workspace: Workspace) -> Sequence:
    newsletter = people.create_list(
        workspace, name="Harbour newsletter", slug="newsletter", by=QUICKSTART
    )
    for key, label, kind in FIELDS:
        people.create_field(workspace, key=key, label=label, kind=kind, by=QUICKSTART)
    sender = delivery.create_sender(
        workspace, name="Mié at Harbour", email="mie@harbour.example", by=QUICKSTART
    )
    return _publish(workspace, newsletter, sender)


def _publish(workspace: Workspace, newsletter: List, sender: SenderIdentity) -> Sequence:
    sequence = edit.create_sequence(
        workspace, name="Welcome", slug="welcome", sender=sender, list=newsletter, by=QUICKSTART
    )
    joined = {"kind": TriggerKind.LIST_JOINED, "list": newsletter}
    edit.set_triggers(sequence, triggers=[joined], by=QUICKSTART)
    for number, (slug, subject) in enumerate(MAILS):
        if number:
            edit.add_step(sequence, kind=StepKind.WAIT, delay=WAIT, by=QUICKSTART)
        template = templates.create_template(
            workspace,
            name=slug.replace("-", " ").capitalize(),
            slug=slug,
            subject=subject,
            html=_read("letterhead").replace("{body}", _read(slug)),
            by=QUICKSTART,
        )
        edit.add_step(sequence, kind=StepKind.EMAIL, template=template, by=QUICKSTART)
    publish(sequence, by=QUICKSTART)
    return sequence


def _read(name: str) -> str:
    return (HERE / f"{name}.html").read_text(encoding="utf-8")
