from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sequences.diff import diff


def email(key, template="hello", **members):
    return {"key": key, "kind": "email", "template": template, **members}


def wait(key, delay="P1D"):
    return {"key": key, "kind": "wait", "delay": delay}


def branch(key, **arms):
    found = [{"key": name, "name": name.title(), "steps": steps} for name, steps in arms.items()]
    return {"key": key, "kind": "branch", "arms": found}


def between(old, new, **options):
    return diff({"steps": old}, {"steps": new}, **options)


def keys(changes):
    return [(each.key, each.label) for each in changes]


def test_the_same_is_no_difference():
    steps = [email("a"), branch("b", x=[wait("c")])]

    assert not between(steps, steps)


def test_what_is_added_removed_moved_and_changed():
    found = between(
        [email("a"), wait("b"), email("c"), branch("d", x=[email("e")]), wait("f")],
        [email("c"), email("a", "other"), branch("d", x=[wait("b", "P2D")], y=[]), email("g")],
    )

    assert keys(found.added) == [("g", "4")]
    assert keys(found.removed) == [("e", "4 › X › 1"), ("f", "5")]
    assert keys(found.moved) == [("c", "1"), ("b", "3 › X › 1")] or keys(found.moved) == [
        ("a", "2"),
        ("b", "3 › X › 1"),
    ]
    assert [(each.key, {**each.members}) for each in found.changed] == [
        ("a", {"template": ("hello", "other")}),
        (
            "d",
            {
                "arms": (
                    [{"key": "x", "name": "X"}],
                    [{"key": "x", "name": "X"}, {"key": "y", "name": "Y"}],
                )
            },
        ),
        ("b", {"delay": ("P1D", "P2D")}),
    ]


def test_a_member_that_comes_or_goes_is_a_change():
    found = between([email("a", thread="x")], [email("a", variants=[1])])

    assert {**found.changed[0].members} == {"variants": (None, [1]), "thread": ("x", None)}


def test_new_content_is_a_change():
    found = between([email("a"), email("b")], [email("a"), email("b")], new_content={"b"})

    assert [(each.key, {**each.members}) for each in found.changed] == [
        ("b", {"content": (None, None)})
    ]


@given(st.permutations(range(6)), st.permutations(range(6)))
def test_as_few_as_can_be_are_said_to_have_moved(old, new):
    found = between([wait(f"{n}") for n in old], [wait(f"{n}") for n in new])

    still = [n for n in new if f"{n}" not in {each.key for each in found.moved}]
    assert [old.index(n) for n in still] == sorted(old.index(n) for n in still)
    ranks = [old.index(n) for n in new]
    longest = [1] * 6
    for i, rank in enumerate(ranks):
        longest[i] += max((longest[j] for j in range(i) if ranks[j] < rank), default=0)
    assert len(still) == max(longest)
