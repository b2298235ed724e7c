"""Publishing while people are inside, on real connections: nobody is lost, nobody doubled."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from threading import Barrier, Event

import pytest
from django.db import connection

from accounts.audit import SYSTEM
from analytics.tests.factories import in_a_session_of_its_own
from delivery.models import Outbox
from emailseq.lib import clock
from emailseq.lib.errors import Stale
from sequences import engine
from sequences.models import Enrollment, Sequence, SequenceVersion, Transfer
from sequences.services import edit
from sequences.services import transfer as transfers
from sequences.services.publish import publish
from sequences.services.transfer import transfer_batch
from sequences.tests.factories import DAY, EMAIL, add_step, make_draft, make_live
from subscribers.models import Event as Fact

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]

CROWD = """
WITH person AS (
    INSERT INTO subscribers_subscriber (workspace_id, uid, email, address_key, first_name,
                                        last_name, time_zone, fields, created_at, updated_at)
    SELECT %(workspace)s, gen_random_uuid(), n || '@example.org', n || '@example.org', '', '', '',
           '{}', now(), now()
      FROM generate_series(1, %(people)s) AS n
    RETURNING id
), place AS (
    INSERT INTO subscribers_subscription (list_id, subscriber_id, state, consent_source,
                                          consent_text, created_at, confirmed_at)
    SELECT %(list)s, id, 'confirmed', 'test', '', now(), now() FROM person
)
INSERT INTO sequences_enrollment (workspace_id, uid, sequence_id, version_id, subscriber_id, run,
                                  state, position, awaits, due_at, entered_step_at, started_at,
                                  reason)
SELECT %(workspace)s, gen_random_uuid(), %(sequence)s, %(version)s, id, 1, 'active', '', '',
       now(), now(), now(), ''
  FROM person
"""


def fill(live, people):
    parameters = {
        "workspace": live.workspace_id,
        "list": live.list_id,
        "sequence": live.pk,
        "version": live.live_version_id,
        "people": people,
    }
    with connection.cursor() as cursor:
        cursor.execute(CROWD, parameters)
        cursor.execute("ANALYZE subscribers_subscription, sequences_enrollment")


def keys(sequence):
    return [*sequence.steps.order_by("position").values_list("key", flat=True)]


class Killed(Exception):
    """A worker dies after its work and before its commit."""


def dying(written):
    """Every third batch of a transfer comes to nothing."""
    batches = count()

    def run(app, name, parameters):
        done = written(app, name, parameters)
        if name == "transfer" and next(batches) % 3 == 1:
            raise Killed
        return done

    return run


def advance(done, limit):
    while not done.is_set():
        engine.advance_batch(limit)


def move(limit):
    """Until everybody has moved; how often it died meanwhile."""
    deaths = 0
    while Transfer.objects.filter(finished_at=None).exists():
        try:
            transfer_batch(limit)
        except Killed:
            deaths += 1
    return deaths


@pytest.mark.parametrize("people", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_publishing_while_thousands_are_inside(monkeypatch, people):
    live = make_live(EMAIL, EMAIL, DAY, EMAIL)
    fill(live, people)
    first, second, wait, last = keys(live)
    later, done = clock.now() + timedelta(hours=1), Event()
    monkeypatch.setattr(transfers.sql, "run", dying(transfers.sql.run))

    # One clock for all of them: threads that set it by turns would not give it back.
    with clock.frozen(later), ThreadPoolExecutor(4) as pool:
        engines = [
            pool.submit(in_a_session_of_its_own(advance), done, people // 100) for _ in range(2)
        ]
        # The second mail goes, another comes, and the wait grows shorter.
        edit.remove_step(live.steps.get(key=second), by=SYSTEM)
        edit.update_step(live.steps.get(key=wait), delay=timedelta(minutes=1), by=SYSTEM)
        fresh = add_step(live, EMAIL, to=2).key
        publish(live, people="move", by=SYSTEM)
        movers = [pool.submit(in_a_session_of_its_own(move), people // 20) for _ in range(2)]
        deaths = sum(mover.result(120) for mover in movers)
        done.set()
        for each in engines:
            each.result(60)
    with clock.frozen(later):
        engine.advance(1000)

    assert deaths > 0
    runs = Enrollment.objects.filter(sequence=live, version=live.live_version, state="active")
    assert runs.count() == people
    assert {*runs.values_list("position", flat=True)} <= {wait, last}
    messages = Outbox.objects.filter(source_id=live.pk)
    queued = Counter(messages.values_list("subscriber", "step_key"))
    assert {*queued.values()} == {1}, "nobody is queued a message twice"
    by_step = Counter(messages.values_list("step_key", flat=True))
    assert by_step[first] == people, "nobody loses the first"
    # Whoever had not come to the second mail before they moved got the new one in its place.
    assert by_step[second] + by_step[fresh] == people
    assert not messages.filter(step_key=second, cancelled_at=None).exists()
    told = Fact.objects.filter(source_id=live.pk)
    steps = told.filter(kind="enrollment.step").values_list("subscriber", "step_key")
    assert {*Counter(steps).values()} == {1}, "nobody comes to a step twice"
    assert told.filter(kind="enrollment.moved").count() == people
    assert Transfer.objects.get().moved_count == people


def test_of_two_who_publish_at_once_the_second_hears_of_the_first():
    draft = make_draft(EMAIL)
    seen = draft.revision
    starting = Barrier(2)

    def publish_seen(name):
        mine = Sequence.objects.get(pk=draft.pk)
        starting.wait(10)
        try:
            edit.update(mine, name=name, by=SYSTEM, expected_revision=seen)
            publish(mine, by=SYSTEM, expected_revision=seen + 1)
        except Stale as stale:
            return str(stale)
        return "published"

    with ThreadPoolExecutor(2) as pool:
        told = [*pool.map(in_a_session_of_its_own(publish_seen), ["A", "B"])]

    assert max(told) == "published"
    assert "Somebody else has changed" in min(told)
    assert SequenceVersion.objects.get().number == 1


def test_of_two_who_publish_the_same_draft_one_does():
    draft = make_draft(EMAIL)
    seen = draft.revision
    starting = Barrier(2)

    def publish_seen(_):
        mine = Sequence.objects.get(pk=draft.pk)
        starting.wait(10)
        try:
            return publish(mine, by=SYSTEM, expected_revision=seen).number
        except Stale:
            return None

    with ThreadPoolExecutor(2) as pool:
        told = [*pool.map(in_a_session_of_its_own(publish_seen), range(2))]

    assert told.count(None) == 1
    assert SequenceVersion.objects.count() == 1
