"""Mail to owners and operators when something needs attention, and when all is well again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.audit import SYSTEM
from accounts.models import Concern, Membership
from delivery.services.notices import send_notice
from emailseq import health
from emailseq.health import Level
from emailseq.lib import clock

ROLES = ("Owner", "Operator")
GRACE = timedelta(minutes=5)  # what mends itself is no news
AGAIN = timedelta(days=1)


@transaction.atomic
def tell() -> int:
    """Tell of what has been wrong for some minutes, of each check at most once a day; and once
    that all is well again. Returns how many mails that were.
    """
    now = clock.now()
    _note(health.checks())
    # Two ticks at once wait for each other here, and the second finds nothing left to tell.
    concerns = list(Concern.objects.select_for_update().order_by("name"))
    wrong = [each for each in concerns if each.level]
    news = [each for each in wrong if each.since <= now - GRACE and _is_news(each)]
    if news:
        Concern.objects.filter(pk__in=[each.pk for each in news]).update(told_at=now)
        sentences = [f"{each.name}: {each.sentence}" for each in news]
        return _write(
            _("emailseq needs attention: %s") % ", ".join(n.name for n in news), sentences
        )
    rested = all(each.since <= now - GRACE for each in concerns)
    if not wrong and rested and _uneased().update(eased_at=now):
        return _write(_("emailseq is well again"), [_("Whatever needed attention is over.")])
    return 0


def _note(found: list[health.Check]) -> None:
    """Keep what the checks say, and since when."""
    now, levels = clock.now(), {check.name: check for check in found}
    for check in found:
        if check.level is not Level.HEALTHY:
            fresh = {"sentence": check.sentence, "level": check.level}
            Concern.objects.get_or_create(name=check.name, defaults={**fresh, "since": now})
    for concern in Concern.objects.select_for_update().order_by("name"):
        now_is = levels.get(concern.name)
        level = now_is.level if now_is else Level.HEALTHY
        if bool(level) != bool(concern.level):
            concern.since = now
        if now_is and level:
            concern.sentence = now_is.sentence
        concern.level = level
        concern.save(update_fields=["since", "sentence", "level"])


def _is_news(concern: Concern) -> bool:
    return concern.told_at is None or concern.told_at <= clock.now() - AGAIN


def _uneased() -> QuerySet[Concern]:
    """What was told of, and not yet that it is over."""
    return Concern.objects.filter(Q(eased_at=None) | Q(eased_at__lt=F("told_at"))).exclude(
        told_at=None
    )


def _write(subject: str, paragraphs: list[str]) -> int:
    readers = list(_readers())
    for reader in readers:
        send_notice(
            reader.workspace,
            to=reader.user.email,
            subject=subject,
            paragraphs=[*paragraphs, _("Owners choose under Team who gets these mails.")],
            expires_at=clock.now() + AGAIN,
            by=SYSTEM,
        )
    return len(readers)


def _readers() -> Iterator[Membership]:
    """Each person once, wherever they work."""
    wanting = Membership.objects.filter(alerts=True, group__name__in=ROLES, user__is_active=True)
    seen = set[int]()
    for membership in wanting.select_related("user", "workspace").order_by("pk"):
        if membership.user_id not in seen:
            seen.add(membership.user_id)
            yield membership
