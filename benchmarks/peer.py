"""Send so many ready-made messages through another queue for Django, and say how long that took.

Runs in a virtual environment of its own, with none of our code in reach:

    python peer.py post_office|mailer DATABASE_URL PORT COUNT SIZE
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from urllib.parse import SplitResult, unquote, urlsplit

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

READY_MADE = "ready-made@harbour.example"
SMTP = "django.core.mail.backends.smtp.EmailBackend"
PROCESSES, THREADS = 2, 8  # as many processes and connections as our senders have


def main() -> None:
    peer, url, port, count, size = sys.argv[1:]
    _configure(peer, urlsplit(url), int(port))
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {peer}")
    call_command("migrate", verbosity=0)
    queue, send, sent = _PEERS[peer]
    queue(int(count), "<p>" + ("x" * 74 + "\n") * ((int(size) - 600) // 76) + "</p>")
    began = time.perf_counter()
    send()
    seconds = time.perf_counter() - began
    sys.stdout.write(json.dumps({"seconds": seconds, "sent": sent()}) + "\n")


def _configure(peer: str, database: SplitResult, port: int) -> None:
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", peer],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": database.path.lstrip("/"),
                "USER": database.username,
                "PASSWORD": database.password or "",
                "HOST": unquote(database.hostname or ""),
                "PORT": database.port or "",
                "OPTIONS": {"options": f"-c search_path={peer}"},
            }
        },
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        MAILER_EMAIL_BACKEND=SMTP,
        POST_OFFICE={
            "BACKENDS": {"default": SMTP},
            "BATCH_SIZE": 2000,
            "THREADS_PER_PROCESS": THREADS,
            "LOG_LEVEL": 0,
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()


def _queue_in_post_office(count: int, body: str) -> None:
    message = {
        "sender": READY_MADE,
        "subject": "The news from the harbour",
        "message": "News",
        "html_message": body,
    }
    people = ([f"person-{number}@post.example"] for number in range(count))
    mail = import_module("post_office.mail")
    mail.send_many([{**message, "recipients": person} for person in people])


def _send_by_post_office() -> None:
    mail = import_module("post_office.mail")
    while mail.get_queued().exists():
        connection.close()  # it forks, and the children end what they inherit
        mail.send_queued(processes=PROCESSES)
        connection.close()


def _sent_by_post_office() -> int:
    models = import_module("post_office.models")
    return int(models.Email.objects.filter(status=models.STATUS.sent).count())


def _queue_in_mailer(count: int, body: str) -> None:
    mailer = import_module("mailer")
    for number in range(count):
        to = [f"person-{number}@post.example"]
        mailer.send_html_mail("The news from the harbour", "News", body, READY_MADE, to)


def _send_by_mailer() -> None:
    import_module("mailer.engine").send_all()


def _sent_by_mailer() -> int:
    models = import_module("mailer.models")
    return int(models.MessageLog.objects.filter(result=models.RESULT_SUCCESS).count())


_PEERS = {
    "post_office": (_queue_in_post_office, _send_by_post_office, _sent_by_post_office),
    "mailer": (_queue_in_mailer, _send_by_mailer, _sent_by_mailer),
}


if __name__ == "__main__":
    main()
