from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from subscribers.models.list import List
from subscribers.models.subscriber import MAX_NAME, Subscriber
from subscribers.wording import LANGUAGES


class Form(WorkspaceModel):
    """Where people put themselves on lists. Its public id is all that a page needs to know of it.

    `consent_version` counts the texts that people have said yes to.
    """

    prefix = "frm"

    name = models.CharField(max_length=100)
    intro = models.CharField(max_length=500, blank=True)
    language = models.CharField(max_length=5, choices=LANGUAGES, default="en")
    lists = models.ManyToManyField(List, related_name="forms")
    asks_name = models.BooleanField(default=False)
    consent_text = models.CharField(max_length=1000)
    consent_version = models.IntegerField(default=1, editable=False)
    redirect_url = models.URLField(max_length=500, blank=True)
    most_per_day = models.PositiveIntegerField(null=True, blank=True)  # sign-ups; no limit
    created_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """The page; also what programs read and send to."""
        return f"{settings.SITE_URL}{reverse('form', args=[self.public_id])}"

    @property
    def script_url(self) -> str:
        """The script that puts the page into another one."""
        return f"{self.url}/embed.js"


class SignUp(models.Model):
    """What somebody has sent by a form, written down before anything follows from it.

    It stays, as the first half of the proof of a consent: the words, when, and from where. What
    follows, once it is taken, is the same for the page whoever the address belongs to.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    form = models.ForeignKey(Form, on_delete=models.PROTECT, related_name="sign_ups")
    subscriber = models.ForeignKey(
        Subscriber, null=True, on_delete=models.PROTECT, related_name="sign_ups"
    )
    email = models.CharField(max_length=254)
    mailbox = models.CharField(max_length=254, db_collation="C")  # whatever follows a plus sign
    first_name = models.CharField(max_length=MAX_NAME, blank=True)
    last_name = models.CharField(max_length=MAX_NAME, blank=True)
    lists = ArrayField(models.BigIntegerField())
    consent_text = models.CharField(max_length=1000)
    consent_version = models.IntegerField()
    network = models.CharField(max_length=50)
    ip = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=300, blank=True)
    page = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["id"], name="sign_up_waiting", condition=models.Q(taken_at__isnull=True)
            ),
            # How many came from a network, and for a mailbox, of late.
            models.Index(fields=["network", "at"], name="sign_up_network"),
            models.Index(fields=["mailbox", "at"], name="sign_up_mailbox"),
            models.Index(fields=["form", "at"], name="sign_up_form"),
        ]

    def __str__(self) -> str:
        return f"{self.form}: {self.email}"
