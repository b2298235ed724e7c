from __future__ import annotations

import pytest

from subscribers import hygiene


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ada@gmial.com", "ada@gmail.com"),
        ("ada@gmai.com", "ada@gmail.com"),
        ("ada@gmaill.com", "ada@gmail.com"),
        ("ada@gmail.con", "ada@gmail.com"),
        ("ada@gmail.de", "ada@gmail.com"),
        ("ada@hotmial.com", "ada@hotmail.com"),
        ("ada@yaho.com", "ada@yahoo.com"),
        ("ada@outlok.com", "ada@outlook.com"),
        ("ada@t-onlin.de", "ada@t-online.de"),
        ("ada@harbour.con", "ada@harbour.com"),
        ("ada@gmial.con", "ada@gmail.com"),
        ("ada@gmail.com", ""),
        ("ada@mail.com", ""),
        ("ada@ymail.com", ""),
        ("ada@yahoo.co.jp", ""),
        ("ada@hotmail.it", ""),
        ("ada@gmx.de", ""),
        ("ada@harbour.com", ""),
        ("ada@harbour.com.co", ""),
        ("ada@xn--strae-oqa.de", ""),
    ],
)
def test_what_was_probably_meant(written, meant):
    assert hygiene.suggestion(written) == meant


def test_no_large_domain_is_taken_for_another():
    named = [*hygiene._LARGE, *hygiene._OTHERS]

    assert {hygiene.suggestion(f"a@{domain}") for domain in named} == {""}


def test_hints_say_what_is_odd_and_all_of_it():
    assert hygiene.hints("ada@harbour.com") == []
    assert [hint.code for hint in hygiene.hints("info+news@gmial.com")] == ["typo", "role"]
    assert [hint.code for hint in hygiene.hints("x@mailinator.com")] == ["disposable"]
    assert [hint.code for hint in hygiene.hints("x@eu.mailinator.com")] == ["disposable"]
    [typo] = hygiene.hints("ada@gmial.com")
    assert (typo.suggestion, typo.detail) == (
        "ada@gmail.com",
        "Perhaps ada@gmail.com was meant.",
    )
