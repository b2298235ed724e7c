"""Who was erased does not come back by anybody's hand but their own."""

from __future__ import annotations

import pytest

from accounts.audit import SUBSCRIBER, SYSTEM
from accounts.tests.api import Api
from emailseq.lib import clock
from subscribers import services
from subscribers.imports import jobs, parts, work
from subscribers.imports.read import examine
from subscribers.imports.run import import_people
from subscribers.models import Import, ImportPart, Subscriber, Subscription, Suppression
from subscribers.tests.factories import ListFactory

pytestmark = pytest.mark.django_db

ADDRESS = "ada@example.com"


@pytest.fixture
def news():
    return ListFactory(slug="news", public=True)


@pytest.fixture
def gone(news):
    """Somebody who was erased, and the same address in another workspace, which has not."""
    person, _ = services.upsert(news.workspace, email=ADDRESS, by=SYSTEM)
    services.upsert(ListFactory().workspace, email=ADDRESS, by=SYSTEM)
    services.erase(person, by=SYSTEM)
    return person


def there(news):
    return Subscriber.objects.of(news.workspace).filter(erased_at=None)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/subscribers", {"email": "ADA@example.com"}),
        ("PUT", "/subscribers/by-email/ada@example.com", {"first_name": "Ada"}),
        ("GET", "/subscribers/{gone}", None),
        ("PATCH", "/subscribers/{gone}", {"first_name": "Ada"}),
        ("POST", "/subscribers/{gone}/restore", None),
        ("POST", "/subscribers/{gone}/tag", {"name": "back"}),
    ],
)
def test_programs_are_told_that_they_are_gone(news, gone, method, path, body):
    answer = Api(news.workspace)(method, path.format(gone=gone.public_id), body)

    assert (answer.status_code, answer.json()["code"]) == (410, "erased")
    assert not there(news).exists()
    gone.refresh_from_db()
    assert gone.first_name == ""


def test_what_is_told_of_them_is_told_of_nobody(news, gone):
    items = [
        {"name": "order", "subscriber": {"email": email}} for email in (ADDRESS, "bob@example.com")
    ]

    told = Api(news.workspace)("POST", "/events/batch", {"items": items}).json()["results"]

    assert [each["result"] for each in told] == ["error", "accepted"]
    assert [person.email for person in there(news)] == ["bob@example.com"]


def test_an_import_leaves_them_out_and_says_how_many(news, gone):
    content = b"email,first name\nAda@Example.com,Ada\nbob@example.com,Bob\nada@example.com,Ada\n"
    given = {"list": news, "consent_source": "fair", "confirmed": True}
    job = jobs.upload(news.workspace, file_name="people.csv", content=[content], by=SYSTEM, **given)
    jobs.check(job, by=SYSTEM)
    work.go_on()
    job.refresh_from_db()
    would = job.preview
    jobs.start(job, by=SYSTEM)
    work.go_on()

    shown = Api(news.workspace)("GET", f"/imports/{job.public_id}").json()
    assert (would["created"], would["erased"], would["refused"]) == (1, 1, 0)
    assert (shown["state"], shown["created_count"], shown["erased_count"]) == ("finished", 1, 1)
    assert [person.email for person in there(news)] == ["bob@example.com"]
    assert Subscription.objects.filter(list=news).count() == 1


def test_an_import_by_the_command_does_the_same(news, gone, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(f"email\n{ADDRESS}\nbob@example.com\n")

    job = import_people(examine(file), to=news, by=SYSTEM, error_path=tmp_path / "errors.csv")

    assert (job.created_count, job.erased_count, job.refused_count) == (1, 1, 0)
    assert not (tmp_path / "errors.csv").exists()


def test_they_come_back_by_a_form_and_their_own_confirmation(news, gone):
    form = services.create_form(
        news.workspace, name="Home", lists=[news], consent_text="Yes", by=SYSTEM
    )
    services.record_sign_up(form, email=ADDRESS, origin=services.Origin("192.0.2.1"))
    services.take_sign_ups()
    back = there(news).get()
    asked = back.subscriptions.get()

    assert (back.email, asked.state) == (ADDRESS, "pending")
    assert Suppression.objects.filter(erased=True).exists()  # anybody may have typed that in
    services.confirm(asked, by=SUBSCRIBER)
    assert not Suppression.objects.of(news.workspace).exists()
    assert services.upsert(news.workspace, email=ADDRESS, by=SYSTEM)[1] == "unchanged"


def test_what_imports_have_kept_of_them_goes_and_the_rest_stays(news):
    person, _ = services.upsert(news.workspace, email=ADDRESS, by=SYSTEM)
    for number, content in enumerate((b"3,Bad,ADA@example.com\n", b"4,Bad,bob@example.com\n")):
        job = Import.objects.create(
            workspace=news.workspace, list=news, digest=str(number), finished_at=clock.now()
        )
        kind = ImportPart.Kind.REFUSED
        ImportPart.objects.create(job=job, kind=kind, number=1, content=content)

    services.erase(person, by=SYSTEM)

    assert [b"".join(parts.contents(job, kind)) for job in Import.objects.order_by("pk")] == [
        b"",
        b"4,Bad,bob@example.com\n",
    ]
