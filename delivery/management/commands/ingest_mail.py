from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from delivery import callbacks
from emailseq.lib.errors import Invalid


class Command(BaseCommand):
    help = (
        "Take in mail that came to a bounce domain: from standard input, as a mail server's pipe "
        "hands it over, from files, or from Maildirs. Answers by the codes of sysexits: 75, and "
        "the mail server tries again, for whatever else than no mail at all went wrong."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "paths", nargs="*", type=Path, metavar="PATH", help="a mail, or a Maildir"
        )
        parser.add_argument(
            "--recipient", default="", metavar="ADDRESS", help="the address that it was sent to"
        )
        parser.add_argument(
            "--delete", action="store_true", help="delete the files once they are taken in"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            taken = self._take_in(options["paths"], options["recipient"], delete=options["delete"])
        except Invalid as error:
            raise CommandError(error.detail, returncode=os.EX_DATAERR) from error
        except FileNotFoundError as error:
            raise CommandError(f"{error.filename}: not found", returncode=os.EX_NOINPUT) from error
        except Exception as error:
            raise CommandError(f"Try again: {error}", returncode=os.EX_TEMPFAIL) from error
        if options["paths"]:
            self.stdout.write(f"{taken} of them new")

    def _take_in(self, paths: list[Path], recipient: str, *, delete: bool) -> int:
        if not paths:
            return _keep(sys.stdin.buffer.read(callbacks.MOST_BYTES), "pipe", recipient)
        taken = 0
        for path in (file for each in paths for file in _files(each)):
            taken += _keep(path.read_bytes(), f"file {path.name}", recipient)
            if delete:
                path.unlink()
        return taken


def _keep(raw: bytes, origin: str, recipient: str) -> int:
    return callbacks.keep_mail(raw, origin=origin, recipient=recipient)


def _files(path: Path) -> Iterator[Path]:
    """The mails of a Maildir, the oldest first; or the file itself."""
    if not path.is_dir():
        yield path
        return
    found = [file for part in ("cur", "new") for file in path.joinpath(part).iterdir()]
    yield from sorted(found, key=lambda file: (file.stat().st_mtime, file.name))
