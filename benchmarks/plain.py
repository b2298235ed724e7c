"""What `bench tracking` compares with: a Django project as it begins, whose view inserts a row.

Served by `gunicorn benchmarks.plain`; the table is made by the benchmark.
"""

from __future__ import annotations

import os

import dj_database_url
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES={"default": dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=60)},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        ROOT_URLCONF=__name__,
        SECRET_KEY="plain",
        USE_TZ=True,
    )
    django.setup()

from django.db import models
from django.utils import timezone


class PlainHit(models.Model):
    message_id = models.BigIntegerField()
    kind = models.CharField(max_length=5)
    link = models.IntegerField(default=0)
    at = models.DateTimeField()
    user_agent = models.CharField(max_length=300)
    network = models.CharField(max_length=50)

    class Meta:
        app_label = "plain"
        db_table = "plain_hit"
        managed = False


def insert(request: HttpRequest, message_id: int) -> HttpResponse:
    PlainHit._default_manager.create(
        message_id=message_id,
        kind="open",
        at=timezone.now(),
        user_agent=request.headers.get("User-Agent", ""),
        network=request.META["REMOTE_ADDR"],
    )
    return HttpResponse(b"x" * 43, content_type="image/gif")


urlpatterns = [path("o/<int:message_id>", insert)]
application = get_wsgi_application()
