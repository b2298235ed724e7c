from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.tests.backoffice import act, is_done, sign_in
from delivery.models import SendingDomain
from delivery.tests.factories import SenderFactory, make_domain

pytestmark = pytest.mark.django_db

LIST = "admin:delivery_sendingdomain_changelist"
CREATE = "admin:delivery_sendingdomain_create"


def url(verb, domain):
    return reverse(f"admin:delivery_sendingdomain_{verb}", args=[domain.pk])


def page_of(client, domain):
    return client.get(url("change", domain)).content.decode()


def test_a_domain_is_made_published_and_checked(names):
    client = sign_in(role="Operator")

    refused = act(client, reverse(CREATE), name="harbour")
    assert 'id="id_name_error"' in refused.content.decode()
    assert is_done(act(client, reverse(CREATE), name="harbour.example"))

    domain = SendingDomain.objects.get()
    [key] = domain.keys.all()
    page = page_of(client, domain)
    assert domain.workspace == client.workspace
    assert f'data-copy="{key.record}"' in page
    assert 'data-copy="v=spf1 ip4:192.0.2.1 ~all"' in page
    assert "Waiting for DNS" in page
    assert "not checked yet" in page

    names.publish(domain)
    assert is_done(act(client, url("check_now", domain)))
    page = page_of(client, domain)
    assert "RSA, 2048 bits. Messages are signed with it." in page
    assert ("Must be fixed" in page, "Could be better" in page) == (False, False)
    domain.refresh_from_db()
    assert (domain.state, domain.keys.get().state) == ("verified", "active")


def test_what_is_wrong_is_shown_beside_what_should_be(names):
    client = sign_in()
    domain = make_domain(names, workspace=client.workspace)
    names.text("_dmarc.harbour.example", "v=DMARC1; <b>p=none</b>")

    act(client, url("check_now", domain))

    page = page_of(client, domain)
    assert "Must be fixed" in page
    assert "It has no policy" in page
    assert "_dmarc.harbour.example: v=DMARC1; &lt;b&gt;p=none&lt;/b&gt;" in page
    assert 'data-copy="v=DMARC1; p=none"' in page
    listed = client.get(reverse(LIST)).content.decode()
    assert "Must be fixed" in listed
    assert "Failing" in listed


def test_a_new_key_is_asked_for(names):
    client = sign_in()
    domain = make_domain(names, workspace=client.workspace)

    assert is_done(act(client, url("rotate_key", domain), algorithm="ed25519"))

    waiting = domain.keys.get(state="new")
    assert waiting.algorithm == "ed25519"
    assert f'data-copy="{waiting.record}"' in page_of(client, domain)
    assert not is_done(act(client, url("rotate_key", domain), algorithm="md5"))


def test_bounces_go_below_the_domain(names):
    client = sign_in()
    domain = make_domain(names, workspace=client.workspace)

    refused = act(client, url("edit", domain), bounce_domain="elsewhere.example")
    assert "or SPF does not count for it" in refused.content.decode()
    assert is_done(act(client, url("edit", domain), bounce_domain="b.harbour.example"))

    domain.refresh_from_db()
    assert domain.bounce_domain == "b.harbour.example"


def test_a_domain_is_removed(names):
    client = sign_in()
    domain = make_domain(names, workspace=client.workspace)

    removed = act(client, url("remove", domain))

    assert removed.headers["HX-Redirect"] == reverse(LIST)
    assert not SendingDomain.objects.exists()


def test_a_marketer_looks_and_changes_nothing(names):
    client = sign_in(role="Marketer")
    domain = make_domain(names, workspace=client.workspace)

    assert "Check now" not in page_of(client, domain)
    assert act(client, url("check_now", domain)).status_code == 403


def test_senders_show_who_signs_for_them(names, django_assert_max_num_queries):
    client = sign_in()
    make_domain(names, workspace=client.workspace)
    for name in ("harbour.example", "news.harbour.example", "elsewhere.example"):
        SenderFactory(workspace=client.workspace, email=f"mie@{name}")
    client.get(reverse("admin:index"))

    with django_assert_max_num_queries(12):
        shown = client.get(reverse("admin:delivery_senderidentity_changelist"))

    signed = {row.email: str(row.domain) for row in shown.context["cl"].result_list}
    assert signed == {
        "mie@harbour.example": "harbour.example",
        "mie@news.harbour.example": "harbour.example",
        "mie@elsewhere.example": "None",
    }
