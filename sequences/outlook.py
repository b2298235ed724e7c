"""What is ahead: simulated from where people stand, if they do nothing but get their mail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import cycle

from emailseq.lib import clock
from sequences import facts, simulator
from sequences.models import Backfill, Enrollment, EnrollmentQuerySet, Sequence
from sequences.program import EmailStep
from sequences.runs import program_of
from sequences.services import backfill as filling
from sequences.services.enroll import is_held_out
from sequences.simulator import Entry, Standing, Terms
from sequences.states import BackfillState, EnrollmentState, SequenceState
from sequences.terms import terms_of
from subscribers.models import Subscriber
from subscribers.segments import profiles

DAY = timedelta(days=1)
DAYS, SAMPLE, CHUNK = 30, 500, 100


@dataclass(frozen=True)
class Forecast:
    """Messages expected `by_day`, on the workspace's calendar, from today on.

    Of `runs` people inside, `sampled` were simulated, and the others are taken to be like them; of
    `arriving` whom a backfill is going to let in, `sampled_arriving`.
    """

    by_day: dict[date, int]
    runs: int
    sampled: int
    arriving: int
    sampled_arriving: int


def upcoming(subscriber: Subscriber, *, days: int = DAYS) -> list[tuple[Enrollment, Entry]]:
    """The messages that a person is going to get from the runs that move, in order."""
    live = Enrollment.objects.filter(subscriber=subscriber)
    until = clock.now() + days * DAY
    found = [
        (run, entry)
        for run, entries in ahead(_moving(live), until=until)
        for entry in entries
        if entry.kind == EmailStep.kind
    ]
    return sorted(found, key=lambda pair: pair[1].at)


def ahead(
    runs: Iterable[Enrollment], *, until: datetime
) -> Iterator[tuple[Enrollment, list[Entry]]]:
    """What happens to each of these live runs from now on."""
    chunk: list[Enrollment] = []
    for run in runs:
        chunk.append(run)
        if len(chunk) == CHUNK:
            yield from _ahead(chunk, until)
            chunk = []
    yield from _ahead(chunk, until)


def forecast(sequence: Sequence, *, days: int = DAYS) -> Forecast:
    """How many messages a sequence is going to send each day, to who is inside or let in by then.

    Nobody can say who joins, clicks or leaves: whoever is inside is taken to do none of it.
    """
    now = clock.now()
    terms = terms_of(sequence)
    until = now + days * DAY
    moving = _moving(Enrollment.objects.filter(sequence=sequence))
    total = moving.count()
    sample = _sample(moving, total)
    messages: Counter[date] = Counter()
    for _, entries in ahead(sample, until=until):
        messages.update(_days(entries, terms))
    found = {day: count * total / len(sample) for day, count in messages.items()}
    arriving, sampled, arrivals = _arrivals(sequence, terms, now=now, until=until)
    for day, count in arrivals.items():
        found[day] = found.get(day, 0) + count * arriving / sampled
    today = now.astimezone(terms.zone).date()
    by_day = {day: round(found.get(day, 0)) for day in (today + n * DAY for n in range(days))}
    return Forecast(by_day, total, len(sample), arriving, sampled)


def _moving(runs: EnrollmentQuerySet) -> EnrollmentQuerySet:
    """Those that nobody has paused."""
    moving = runs.filter(state=EnrollmentState.ACTIVE, sequence__state=SequenceState.LIVE)
    return moving.select_related("sequence__workspace", "sequence__list").order_by("pk")


def _sample(runs: EnrollmentQuerySet, total: int) -> list[Enrollment]:
    """All of them, or every n-th, so that it is about SAMPLE."""
    if total <= SAMPLE:
        return list(runs)
    keys = list(runs.values_list("pk", flat=True))[:: -(-total // SAMPLE)]
    return list(runs.filter(pk__in=keys))


def _ahead(
    runs: Collection[Enrollment], until: datetime
) -> Iterator[tuple[Enrollment, list[Entry]]]:
    if not runs:
        return
    now = clock.now()
    one_of = {run.version_id: run for run in runs}
    terms = {pk: terms_of(run.sequence, program_of(pk)) for pk, run in one_of.items()}
    left_at, unfinished = facts.messages(runs)
    workspace = next(iter(runs)).sequence.workspace
    people = profiles.load(workspace, {run.subscriber_id for run in runs})
    for run in runs:
        left, queued = left_at[run.pk], unfinished[run.pk]
        entries = simulator.simulate(
            program_of(run.version_id),
            people[run.subscriber_id],
            (),
            now,
            terms=terms[run.version_id],
            subscriber_id=run.subscriber_id,
            entry=run.entry,
            standing=Standing(
                run.started_at,
                run.entered_step_at,
                run.position,
                left,
                {key: run_at for key, run_at in queued.items() if key not in left},
            ),
            until=until,
        )
        yield run, entries


def _arrivals(
    sequence: Sequence, terms: Terms, *, now: datetime, until: datetime
) -> tuple[int, int, Counter[date]]:
    """How many the running backfill lets in, of how many of them these are the messages."""
    running = Backfill.objects.filter(sequence=sequence, state=BackfillState.RUNNING)
    found = running.select_related("sequence__workspace").first()
    if found is None or sequence.live_version_id is None:
        return 0, 1, Counter()
    pace, begin = DAY / found.per_day, max(found.next_at, now)
    people = filling.waiting(found, now=now)
    arriving = min(people.number, max(int((until - begin) / pace) + 1, 0))
    if not (people.sample and arriving):
        return 0, 1, Counter()
    stride = -(-arriving // SAMPLE)
    program = program_of(sequence.live_version_id)
    known = profiles.load(sequence.workspace, people.sample)
    messages: Counter[date] = Counter()
    places = range(0, arriving, stride)
    for place, person in zip(places, cycle(people.sample), strict=False):
        if is_held_out(sequence.pk, person, percent=sequence.holdout_percent):
            continue
        start = begin + place * pace
        entries = simulator.simulate(
            program, known[person], (), start, terms=terms, subscriber_id=person, until=until
        )
        messages.update(_days(entries, terms))
    return arriving, len(places), messages


def _days(entries: Iterable[Entry], terms: Terms) -> Iterator[date]:
    """The day of each message, on the workspace's calendar."""
    for entry in entries:
        if entry.kind == EmailStep.kind:
            yield entry.at.astimezone(terms.zone).date()
