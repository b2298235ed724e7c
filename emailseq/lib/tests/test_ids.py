from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emailseq.lib import ids


@given(st.uuids())
def test_decode_is_the_inverse_of_encode(uid):
    text = ids.encode("sub", uid)

    assert len(text) == len("sub_") + 26
    assert ids.decode("sub", text) == uid


def test_ids_sort_by_the_time_they_were_made():
    made = [ids.new() for _ in range(1000)]

    assert made == sorted(made)
    assert [ids.encode("x", uid) for uid in made] == sorted(ids.encode("x", uid) for uid in made)
    assert {uid.version for uid in made} == {7}


def test_the_text_of_an_id_never_changes():
    uid = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")

    assert ids.encode("sub", uid) == "sub_01h455vb4pex5vsknk084sn02q"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sub",
        "sub_",
        "lst_00000000000000000000000000",
        "sub_0000000000000000000000000",
        "sub_000000000000000000000000000",
        "sub_0000000000000000000000000u",
        "sub_0000000000000000000000000A",
        "sub_8000000000000000000000000z",  # more than 128 bits
        "sub_0000000000000000000000000\0",
        "SUB_00000000000000000000000000",
    ],
)
def test_what_encode_could_not_have_made_is_no_id(text):
    assert ids.decode("sub", text) is None
