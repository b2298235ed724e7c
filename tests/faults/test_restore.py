"""A dump that is taken while messages leave, restored into another server."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.management import call_command

from delivery.models import Outbox, SendLedger
from delivery.services import stops
from emailseq.embedded import postgres
from emailseq.embedded.place import Place
from tests.faults import rig as rigs
from tests.faults import servers as places
from tests.faults.servers import Servers

nightly = pytest.mark.faults(group="nightly")


@nightly
def test_f45_a_restored_database_waits_until_somebody_says_that_it_may_send(lab, tmp_path):
    with lab.rig() as rig, another(tmp_path) as there:
        campaign = rig.send(lab.size(nightly=2000))
        rig.wait(lambda: rig.accepted() > 100, seconds=60)
        copy_over(rig, there)
        rig.settle(campaign)

        with rigs.running(tmp_path / "restored", there) as restored:
            due = Outbox.objects.filter(**campaign.source).count()
            known = SendLedger.objects.count()
            time.sleep(8)
            sent_behind_the_fence, moved = restored.accepted(), SendLedger.objects.count() - known
            assert "was restored" in stops.fence()
            call_command("release_fence", "--yes")
            restored.settle(campaign)

            counts = restored.books(campaign)
            lab.note(due=due, sent_behind_the_fence=sent_behind_the_fence, **counts.as_dict())
            assert due > 0, "the dump was taken too late"
            assert (sent_behind_the_fence, moved) == (0, 0)
            assert counts.missing == counts.extra == counts.unknown == 0
            assert SendLedger.objects.count() + counts.in_doubt == counts.owed
            assert restored.disagreements_of_rows() == []
            assert restored.tracebacks() == {}


@contextmanager
def another(tmp_path) -> Iterator[Servers]:
    """Servers beside those of the run, as on another machine."""
    folder = tmp_path / "elsewhere"
    for passage in (folder.parent, folder.parent.parent):
        passage.chmod(0o711)
    with places.running(folder) as there:
        yield there


def copy_over(rig, there):
    """pg_dump here, psql there, into the template of the next experiment."""
    binaries = postgres._binaries(Place.of(there.folder.parent, durable=True))
    here = rig.servers.url_of(places.current_database())
    there.sql(f"DROP DATABASE {places.TEMPLATE}")
    there.sql(f"CREATE DATABASE {places.TEMPLATE}")
    restore = [binaries / "psql", "-q", "-v", "ON_ERROR_STOP=1", there.url_of(places.TEMPLATE)]
    with subprocess.Popen([binaries / "pg_dump", here], stdout=subprocess.PIPE) as dump:
        subprocess.run(restore, stdin=dump.stdout, check=True, stdout=subprocess.DEVNULL)
    assert dump.returncode == 0
