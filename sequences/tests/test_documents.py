from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emailseq.lib.errors import Invalid
from sequences import documents

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"))
WORDS = st.sampled_from(["no", "true", "null", "~", "10:00", "2026-03-27", "1e3", "0x1", "1_0", ""])
PLAIN = st.none() | st.booleans() | st.integers() | TEXTS | WORDS
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS | WORDS, inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(VALUES)
def test_what_is_written_is_read(value):
    assert documents.load(documents.dump(value)) == value


def test_text_stays_text():
    text = "a: 10:00\nb: 2026-03-27\nc: no\nd: 1.5\ne: 12\nf:\ng: true\nh: |\n  x\n  y\n"

    assert documents.load(text) == {
        "a": "10:00",
        "b": "2026-03-27",
        "c": "no",
        "d": 1.5,
        "e": 12,
        "f": None,
        "g": True,
        "h": "x\ny\n",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\nb: *x", "write it out instead of an alias in line 1"),
        ("a: 1\nb: 2\na: 3", "a key is there twice in line 1"),
        ("a: !!python/object:os.system x", "a tag has no place here in line 1"),
        ("a: !!binary zz", "a tag has no place here"),
        ("a: [1,", "This is no YAML"),
        ("\x00", "This is no YAML"),
        ("[" * 3000, "goes too deep"),
        ("? [1]\n: 2", "This is no YAML"),
        ("--- 1\n--- 2", "another document in line 2"),
        ("a" * 1024 * 1024 + "a", "at most 1,024 KB"),
    ],
)
def test_what_means_more_than_json_is_refused(text, said):
    with pytest.raises(Invalid) as error:
        documents.load(text)

    assert said in error.value.detail
