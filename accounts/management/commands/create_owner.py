from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandParser
from django.core.validators import validate_slug

from accounts.audit import Actor
from accounts.services import add_member, create_workspace, login_token
from emailseq.lib import addresses


class Command(BaseCommand):
    help = "Make somebody the owner of a workspace, and print a link that signs them in once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", type=_address)
        parser.add_argument(
            "--workspace", type=_slug, required=True, metavar="SLUG", help="made when it is missing"
        )
        parser.add_argument("--name", help="of a new workspace; its slug, unless you say")
        parser.add_argument(
            "--postal-address", default="", metavar="TEXT", help="of a new workspace, for templates"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        by = Actor.command("create_owner")
        workspace = create_workspace(
            name=options["name"] or options["workspace"],
            slug=options["workspace"],
            postal_address=options["postal_address"],
            by=by,
        )
        owner = add_member(email=options["email"], workspace=workspace, role="Owner", by=by)
        self.stdout.write(f"{settings.SITE_URL}/login/{login_token(owner)}/")


def _address(text: str) -> str:
    try:
        return addresses.parse(text).email
    except addresses.BadAddress as error:
        raise ArgumentTypeError(str(error)) from error


def _slug(text: str) -> str:
    try:
        validate_slug(text)
    except ValidationError as error:
        raise ArgumentTypeError(f"“{text}” is no slug, such as harbour-news.") from error
    return text
