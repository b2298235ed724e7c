"""Where a run goes on when another program takes the place of its own. Pure.

1. Whoever stands at a step that is still there stays at it, wherever it is now.
2. Whoever stands at one that is gone goes on with the next of theirs that is still there; if there
   is none, with what follows the last one they have come by; and if there is none of those, from
   the start.
3. Nobody gets a message, or an action, twice: whoever would meet one again that they have had goes
   on behind the last of these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sequences.program import ActionStep, Block, EmailStep, Program, Step

Effect = EmailStep | ActionStep  # what is not done twice


def relocate(old: Program, new: Program, position: str, had: Collection[str]) -> str:
    """The position in `new` of a run at `position` in `old`; `had`: the effects it has had, by key.

    Raises KeyError for a position that the old program does not have.
    """
    place = _same(new, position) or _next(old, new, position) if position else ""
    again = [step.key for step in ahead(new, place) if step.key in had]
    return f"{again[-1]}/" if again else place


def ahead(program: Program, position: str) -> Iterator[Step]:
    """Every step that a run at that position may still come to, in order."""
    key, slash, arm = position.partition("/")
    if not key:
        yield from _all(program.steps)
        return
    if arm:
        yield from _all(program.arm(position).steps)
    elif not slash:
        yield from _within(program.place(key).step)
    following = program.after(f"{key}/")
    while following:
        yield from _all((following,))
        following = program.after(f"{following.key}/")


def behind(program: Program, position: str) -> Iterator[Step]:
    """Every step that a run at that position may have come by, that it stands at included."""
    key, slash, arm = position.partition("/")
    if not key:
        return
    place = program.place(key)
    if place.block:
        yield from behind(program, place.block.key)
    yield from _all(place.row[: place.number])
    yield place.step
    if slash and not arm:
        yield from _within(place.step)


def effects(steps: Iterator[Step]) -> frozenset[str]:
    """The keys of those that send or do something."""
    return frozenset(step.key for step in steps if isinstance(step, Effect))


def passed_over(old: Program, new: Program, position: str, place: str) -> list[str]:
    """The effects that lay ahead of a run, are still there, and lie ahead of it no more."""
    left = effects(ahead(new, place))
    return [
        step.key
        for step in ahead(old, position)
        if isinstance(step, Effect) and step.key in new and step.key not in left
    ]


def _same(new: Program, position: str) -> str:
    """The same position, '' where it is not there any more."""
    key, slash, arm = position.partition("/")
    if key not in new:
        return ""
    block = new.place(key).step
    arms = {each.key for each in block.arms} if isinstance(block, Block) else set()
    return f"{key}/" if slash and arm not in arms else position


def _next(old: Program, new: Program, position: str) -> str:
    if following := next((step for step in ahead(old, position) if step.key in new), None):
        return _before(new, following.key)
    passed = [step.key for step in behind(old, position) if step.key in new]
    return f"{passed[-1]}/" if passed else ""


def _before(program: Program, key: str) -> str:
    """The position from which the step of that key is what comes next."""
    place = program.place(key)
    if place.number:
        return f"{place.row[place.number - 1].key}/"
    return f"{place.block.key}/{place.arm}" if place.block else ""


def _all(row: tuple[Step, ...]) -> Iterator[Step]:
    for step in row:
        yield step
        yield from _within(step)


def _within(step: Step) -> Iterator[Step]:
    for arm in step.arms if isinstance(step, Block) else ():
        yield from _all(arm.steps)
