"""The labelled bounces of the development corpus, when it is here, and damaged copies."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from delivery.bounces import Action, Inbound, read

CORPUS = Path(settings.BASE_DIR).parent / "shared/corpora/bounces-dev"
OURS = sorted(Path(__file__).with_name("bounces").glob("*.eml"))
FILES = [*OURS, *sorted(CORPUS.glob("*.eml"))]

DAMAGE = {
    "carriage returns": lambda raw: raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r"),
    "no line ends": lambda raw: raw.replace(b"\n", b" "),
    "line ends doubled": lambda raw: raw.replace(b"\n", b"\n\n"),
    "half": lambda raw: raw[: len(raw) // 2],
    "nine tenths": lambda raw: raw[: len(raw) * 9 // 10],
    "without its head": lambda raw: raw.partition(b"\n\n")[2],
    "wrapped anew": lambda raw: b"\n".join(raw[at : at + 60] for at in range(0, len(raw), 60)),
    "as UTF-16": lambda raw: raw.decode("latin-1").encode("utf-16"),
    "twice in UTF-8": lambda raw: raw.decode("latin-1").encode(),
    "high bits set": lambda raw: bytes(byte | 128 for byte in raw),
    "upper case": lambda raw: raw.upper(),
    "backwards": lambda raw: raw[::-1],
}


def in_time(raw):
    started = time.process_time()
    found = read(raw)
    assert time.process_time() - started < 1
    return found


def assert_sound(found):
    """It can be stored, and acted upon."""
    assert isinstance(found, Inbound)
    assert found.reports
    for report in found.reports:
        assert isinstance(report.action, Action)
        text = f"{report.recipient}{report.status}{report.reason}{report.reported_by}"
        assert "\0" not in text
        text.encode()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_labelled_bounces_are_read_as_people_read_them():
    lines = (CORPUS / "labels.tsv").read_text(encoding="utf-8").splitlines()
    labels = list(csv.DictReader(lines, delimiter="\t"))
    reports = {name: in_time((CORPUS / name).read_bytes()).reports for name in files(labels)}

    right = recipients = burnt = 0
    for row in labels:
        rows = reports[row["file"]][int(row["index"]) - 1 :]
        action, recipient = (rows[0].action, rows[0].recipient) if rows else ("missing", "")
        right += action == row["action"]
        recipients += recipient == row["recipient"].lower()
        burnt += action == "suppress" != row["action"]

    assert len(labels) > 200
    assert right / len(labels) >= 0.93
    assert recipients / len(labels) >= 0.97
    assert burnt / len(labels) <= 0.01


def files(labels):
    return {row["file"] for row in labels}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_copies_are_read_without_complaint_and_in_time(damage):
    for file in FILES:
        assert_sound(in_time(DAMAGE[damage](file.read_bytes())))


def test_line_ends_change_nothing():
    for file in FILES:
        raw = file.read_bytes().replace(b"\r\n", b"\n")

        assert read(raw) == read(raw.replace(b"\n", b"\r\n")) == read(raw.replace(b"\n", b"\r"))


@given(st.binary(max_size=2000))
def test_any_bytes_are_read(raw):
    assert_sound(read(raw))


@effort(max_examples=300)
@given(st.data())
def test_a_bounce_with_pieces_torn_out_and_put_in_is_read(data):
    raw = data.draw(st.sampled_from(OURS)).read_bytes()
    for _ in range(data.draw(st.integers(1, 5))):
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(raw))] * 2)))
        piece = data.draw(st.binary(max_size=50) | st.just(raw[start:end] * 2))
        raw = raw[:start] + piece + raw[end:]

    assert_sound(read(raw))
