"""Images: uploaded over the API and in the back office, served to everybody, shown by templates."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.backoffice import is_done, sign_in
from accounts.tests.factories import WorkspaceFactory
from templates_app import review
from templates_app.lint import rules
from templates_app.models import Image
from templates_app.services.images import keep_image
from templates_app.tests.factories import TemplateFactory
from templates_app.tests.test_pictures import picture

pytestmark = pytest.mark.django_db

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


def upload(api: Api, content: bytes, **given):
    file = SimpleUploadedFile("harbour.png", content, "image/png")
    return api.client.post("/api/v1/media", {"file": file, **given})


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.fixture
def image(workspace):
    return keep_image(workspace, content=picture(), name="Harbour", alt="Boats", by=SYSTEM)


def test_an_image_is_uploaded_and_served_to_whoever_has_its_name(api):
    made = upload(api, picture("jpeg", (2400, 1200)), alt="A harbour")

    shown = made.json()
    served = Client().get(shown["url"].removeprefix("http://127.0.0.1:8000"))
    assert (made.status_code, shown["name"], shown["alt"]) == (201, "harbour.png", "A harbour")
    assert (shown["kind"], shown["width"], shown["height"]) == ("jpeg", 1200, 600)
    assert (shown["byte_count"], shown["sha256"]) == (
        len(served.content),
        sha256(served.content).hexdigest(),
    )
    assert (served.status_code, served.headers["Content-Type"]) == (200, "image/jpeg")
    assert served.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert served.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert shown["sha256"][:32] not in shown["url"]  # who has the picture cannot guess where it is


def test_the_same_picture_is_kept_once_in_each_workspace(api, workspace):
    first, again = upload(api, picture()).json(), upload(api, picture(), name="Other").json()
    elsewhere = upload(Api(WorkspaceFactory()), picture()).json()

    assert again == first
    assert Image.objects.of(workspace).count() == 1
    assert elsewhere["sha256"] == first["sha256"]
    assert elsewhere["url"] != first["url"]


def test_what_is_no_picture_is_refused_and_nothing_kept(api):
    svg, no_file = upload(api, SVG), api.client.post("/api/v1/media", {"alt": "x"})

    assert [(one["pointer"], one["code"]) for one in svg.json()["errors"]] == [
        ("/file", "invalid_image")
    ]
    assert "SVG can hold scripts" in svg.json()["errors"][0]["detail"]
    assert [(one["pointer"], one["code"]) for one in no_file.json()["errors"]] == [
        ("/file", "required")
    ]
    assert not Image.objects.exists()


def test_an_image_is_renamed_put_away_and_still_served(api, image):
    changed = api("PATCH", f"/media/{image.public_id}", {"alt": "Ships"}).json()
    archived = api("POST", f"/media/{image.public_id}/archive").json()

    assert (changed["alt"], changed["name"]) == ("Ships", "Harbour")
    assert archived["archived_at"]
    assert api("GET", "/media").json()["data"] == []
    assert [one["id"] for one in api("GET", "/media?archived=true").json()["data"]] == [
        image.public_id
    ]
    assert Client().get(f"/i/{image.file_name}").status_code == 200
    assert upload(api, picture()).json()["archived_at"] is None  # who uploads it wants it back


@pytest.mark.parametrize("name", ["0" * 32 + ".png", "../secrets/SECRET_KEY", "x.png", "%2e%2e"])
def test_other_names_lead_nowhere(name):
    assert Client().get(f"/i/{name}").status_code == 404


def test_half_a_file_that_a_crash_has_left_is_written_anew(workspace, image):
    path = f"images/{image.file_name}"
    whole = Client().get(f"/i/{image.file_name}").content
    default_storage.delete(path)
    default_storage.save(path, ContentFile(whole[:20]))

    keep_image(workspace, content=picture(), name="Again", by=SYSTEM)

    assert Client().get(f"/i/{image.file_name}").content == whole


def test_a_template_says_what_it_weighs_and_the_image_who_shows_it(api, workspace, image):
    html = f'<p>Hi</p><img alt="Boats" src="{image.url}">'
    template = TemplateFactory(workspace=workspace, name="News", html=html)
    TemplateFactory(workspace=workspace, name="Other")
    light = {one.code for one in review.check(template).warnings}
    Image.objects.update(byte_count=rules.HEAVY + 1)

    heavy = {one.code for one in review.check(template).warnings}

    assert "image_heavy" not in light
    assert "image_heavy" in heavy
    assert api("GET", f"/media/{image.public_id}").json()["used_by"] == ["News"]


def test_blocks_tell_mail_programs_how_high_a_picture_is(workspace, image):
    block = {"id": "a", "kind": "image", "src": image.url, "alt": "Boats", "width": 400}
    made = Api(workspace)(
        "POST",
        "/templates",
        {"name": "News", "subject": "Hi", "document": {"v": 1, "blocks": [block]}},
    )

    (shown,) = re.findall(r"<img [^>]*>", made.json()["html"])
    assert 'width="400"' in shown
    assert 'height="300"' in shown
    assert "height:auto" in shown  # on a phone it is narrower, and lower


def test_several_are_uploaded_at_once_in_the_back_office():
    client = sign_in()
    url = reverse("admin:templates_app_image_upload")
    files = [
        SimpleUploadedFile("a.png", picture()),
        SimpleUploadedFile("b.svg", SVG),
        SimpleUploadedFile("c.jpg", picture("jpeg")),
    ]

    some = client.post(url, {"pictures": files})
    for file in files:
        file.seek(0)
    good = client.post(url, {"pictures": [files[0], files[2]]})

    assert "b.svg: SVG can hold scripts" in some.content.decode()
    assert is_done(good)
    assert sorted(Image.objects.values_list("name", "kind")) == [
        ("a.png", "png"),
        ("c.jpg", "jpeg"),
    ]
    listed = client.get(reverse("admin:templates_app_image_changelist")).content.decode()
    assert listed.count('class="bo-picture"') == 2
    assert sign_in(role="Analyst").post(url, {}).status_code == 403


def test_a_block_shows_what_is_chosen_or_uploaded(image):
    client = sign_in(workspace=image.workspace)
    block = {"id": "a", "kind": "image", "src": "https://x.example/y.png", "alt": "Y"}
    document = {"v": 1, "blocks": [block, {"id": "z", "kind": "footer"}]}
    template = TemplateFactory(workspace=image.workspace, mode="blocks", document=document)
    url = reverse("admin:templates_app_template_blocks", args=[template.pk])

    def post(**given):
        template.refresh_from_db()
        answer = client.post(url, {"block": "a", "revision": template.revision, **given})
        template.refresh_from_db()
        return answer.content.decode(), template.document["blocks"][0]

    offered = client.get(url, {"block": "a"}).content.decode()
    foreign = keep_image(WorkspaceFactory(), content=picture(), name="Foreign", by=SYSTEM)
    _, chosen = post(do="choose", image=image.pk)
    refused, same = post(do="choose", image=foreign.pk)
    mute, still = post(do="upload", file=SimpleUploadedFile("n.png", picture(size=(900, 90))))
    file = SimpleUploadedFile("new.png", picture(size=(900, 90)))
    _, uploaded = post(do="upload", file=file, alt="A pier")

    assert f'src="/i/{image.file_name}"' in offered
    assert (chosen["src"], chosen["alt"], chosen["width"]) == (image.url, "Boats", 40)
    assert "not there any more" in refused
    assert "This field is required." in mute
    assert chosen == same == still
    assert (uploaded["alt"], uploaded["width"]) == ("A pier", 544)
    assert uploaded["src"] == Image.objects.get(name="new.png").url
