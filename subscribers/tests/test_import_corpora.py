from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from django.conf import settings

from accounts.audit import SYSTEM
from emailseq.lib import text
from emailseq.lib.errors import Invalid
from subscribers import services
from subscribers.imports import jobs, work
from subscribers.imports.read import examine
from subscribers.imports.run import import_people
from subscribers.models import Subscriber
from subscribers.tests.factories import CustomFieldFactory, ListFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db
CORPORA = Path(settings.BASE_DIR).parent / "shared/corpora"
CSV, NAUGHTY = CORPORA / "csv-edge", CORPORA / "naughty-strings/blns.json"
FILES = sorted(CSV.iterdir()) if CSV.is_dir() else []

NOT_CSV = "This is a spreadsheet, an archive or JSON, not CSV: save it as CSV first."
DISPLAY_NAME = "A display name and angle brackets around the email address are not permitted here."
NOT_UTF_8 = "The row is not UTF-8; say which encoding the file has."
ADA_AND_BOB = [
    ("ada@example.com", "Ada", {"city": "Kraków, PL"}),
    ("bob@example.com", "Bob", {"city": "Łódź"}),
]
SINGLE = [("a@example.com", "", {})]

# What becomes of each file: the refusal, or the people (in file order) and the refused rows.
REFUSED_WHOLE = {
    "dup_headers.csv": "Columns 1, 2, 3, 4 all mean email: rename or remove all but one.",
    "empty.csv": "The file is empty.",
    "header_only.csv": "The file has a header and no rows below it.",
    "not_csv.xlsx.csv": NOT_CSV,
    "surrogate_json.json": NOT_CSV,
}
OUTCOMES = {
    "blank_lines.csv": (SINGLE, []),
    "cp1250.csv": ([], [(2, NOT_UTF_8), (3, NOT_UTF_8)]),
    "cr_only.csv": (ADA_AND_BOB, []),
    "dates.csv": (
        [],
        [
            (2, "signup: “01/02/2024” is not a date such as 2024-12-31."),
            (3, "signup: “2024-02-30” is not a date such as 2024-12-31."),
            (4, "signup: “31.12.99” is not a date such as 2024-12-31."),
            (5, "signup: “45292” is not a date such as 2024-12-31."),
        ],
    ),
    "dups_case.csv": (
        [("A@example.com", "", {}), ("a+tag@example.com", "", {})],
        [
            (7, DISPLAY_NAME),
            (8, DISPLAY_NAME),
            (9, "The email address contains invalid characters before the @-sign: ':'."),
        ],
    ),
    "formula.csv": (
        [
            ("b@example.com", "", {"name": "+1+1"}),
            ("c@example.com", "", {"name": "-2+3"}),
            ("d@example.com", "", {"name": "@SUM(1)"}),
            ("e@example.com", "", {"name": "=1"}),
            ("f@example.com", "", {"name": "=1"}),
            ("=cmd|calc@example.com", "", {"name": "x"}),
            ("g@example.com", "", {"name": "＝1"}),
        ],
        [(2, "A quoted cell goes on after its closing quote, or is never closed.")],
    ),
    "invalid_utf8.csv": ([], [(2, NOT_UTF_8)]),
    "latin1_mojibake.csv": ([], [(2, NOT_UTF_8)]),
    "mixed_delims.csv": (
        [("a@example.com", "", {"name": "A"})],
        [(3, "The part after the @-sign contains invalid characters: ','.")],
    ),
    "no_final_newline.csv": (ADA_AND_BOB, []),
    "no_header.csv": ([("a@example.com", "", {}), ("b@example.com", "", {})], []),
    "nul.csv": ([], [(2, "The row holds NUL.")]),
    "quotes.csv": (
        [
            ("a@example.com", "", {"name": 'He said "hi", ok'}),
            ("b@example.com", "", {"name": "multi\nline"}),
        ],
        [],
    ),
    "ragged.csv": (SINGLE, [(3, "The row has 4 cells, the header 2.")]),
    "semicolon.csv": (
        [("ada@example.com", "Ada", {"city": "Kraków; PL"}), ADA_AND_BOB[1]],
        [],
    ),
    "sep_line.csv": ([("a@example.com", "", {"name": "A"})], []),
    "shift_jis.csv": ([], [(2, NOT_UTF_8)]),
    "stray_quote.csv": ([("a@example.com", "", {"name": '5" disk'})], []),
    "tab.tsv": ([("ada@example.com", "Ada", {"city": "Kraków\t PL"}), ADA_AND_BOB[1]], []),
    "unicode_addr.csv": (
        [
            ("пошта@xn--j1amh.ua", "", {}),
            ("u@xn--strae-oqa.de", "", {}),
            ("а@example.com", "", {}),
            ("é@example.com", "", {}),
        ],
        [
            (5, "The email address contains unsafe characters: ZERO WIDTH SPACE."),
            (6, "The email address contains unsafe characters: ZERO WIDTH NO-BREAK SPACE."),
            (8, "The email address contains unsafe characters: RIGHT-TO-LEFT OVERRIDE."),
        ],
    ),
    "utf16be_bom.csv": (ADA_AND_BOB, []),
    "utf16le_bom.csv": (ADA_AND_BOB, []),
    "utf8_bom.csv": (ADA_AND_BOB, []),
}
ENCODED = {
    "cp1250.csv": ("cp1250", ADA_AND_BOB),
    "latin1_mojibake.csv": ("latin-1", [("z@example.com", "", {"name": "Zoë"})]),
    "shift_jis.csv": ("shift_jis", [("a@example.com", "", {"name": "山田"})]),
}


@pytest.fixture
def to():
    made = ListFactory()
    CustomFieldFactory(workspace=made.workspace, key="signup", kind="date")
    return made


@pytest.fixture
def errors(tmp_path):
    return tmp_path / "errors.csv"


def people(to):
    rows = Subscriber.objects.of(to.workspace)
    return sorted((row.email, row.first_name, row.fields) for row in rows)


def refused(errors):
    if not errors.exists():
        return []
    with errors.open(newline="") as file:
        return [(int(row[0]), row[1]) for row in list(csv.reader(file))[1:]]


@pytest.mark.skipif(not FILES, reason="the corpus is not here")
def test_every_file_of_the_corpus_has_an_expected_outcome():
    assert {file.name for file in FILES} == REFUSED_WHOLE.keys() | OUTCOMES.keys()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_odd_file_has_its_exact_outcome(file, to, errors):
    if file.name in REFUSED_WHOLE:
        with pytest.raises(Invalid) as caught:
            import_people(examine(file), to=to, by=SYSTEM, error_path=errors)
        assert caught.value.detail == REFUSED_WHOLE[file.name]
        assert people(to) == []
        return

    job = import_people(examine(file), to=to, by=SYSTEM, error_path=errors)

    wanted, faults = OUTCOMES[file.name]
    assert people(to) == sorted(wanted, key=lambda person: person[0])
    assert refused(errors) == faults
    assert (job.created_count, job.refused_count) == (len(wanted), len(faults))


@pytest.mark.parametrize("name", sorted(ENCODED) if FILES else [])
def test_a_file_whose_encoding_is_named_comes_in_unharmed(name, to, errors):
    encoding, wanted = ENCODED[name]

    import_people(examine(CSV / name, encoding=encoding), to=to, by=SYSTEM, error_path=errors)

    assert people(to) == wanted
    assert not errors.exists()


def naughty():
    return json.loads(NAUGHTY.read_text(encoding="utf-8"))


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the corpus is not here")
def test_naughty_strings_are_stored_unharmed_or_refused_by_upsert():
    workspace, strings = WorkspaceFactory(), naughty()
    storable = [string for string in strings if text.storable(string)]
    ada = {"email": "ada@example.com", "by": SYSTEM}

    names = [string for string in storable if len(string) <= 100]
    for first, last in zip(names[::2], names[1::2], strict=False):
        services.upsert(workspace, **ada, first_name=first, last_name=last)
        assert Subscriber.objects.values_list("first_name", "last_name").get() == (first, last)
    for string in set(strings).difference(names):
        with pytest.raises(Invalid):
            services.upsert(workspace, **ada, first_name=string)

    for half in (storable[::2], storable[1::2]):
        fields = {string: [string] for string in half}
        services.upsert(workspace, **ada, fields=fields)
        assert Subscriber.objects.get().fields.items() >= fields.items()


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the corpus is not here")
def test_naughty_strings_are_stored_unharmed_or_refused_by_the_import(to, errors, tmp_path):
    strings = naughty()
    file = tmp_path / "naughty.csv"
    with file.open("w", encoding="utf-8", errors="surrogatepass", newline="") as target:
        rows = ([f"p{n}@example.com", string[:100], string] for n, string in enumerate(strings))
        csv.writer(target).writerows([["email", "first name", "note"], *rows])

    job = import_people(examine(file), to=to, by=SYSTEM, error_path=errors)

    stored = {row.email: row for row in Subscriber.objects.of(to.workspace)}
    for number, string in enumerate(strings):
        row = stored.get(f"p{number}@example.com")
        assert (row is not None) == text.storable(string), string
        if row:
            assert row.first_name == string[:100].strip()
            assert row.fields.get("note", "") == string.strip()
    assert job.created_count + job.refused_count == len(strings)


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the corpus is not here")
def test_naughty_strings_are_no_addresses_and_break_nothing(to, errors, tmp_path):
    file = tmp_path / "naughty.csv"
    with file.open("w", encoding="utf-8", errors="surrogatepass", newline="") as target:
        csv.writer(target).writerows([["email"], *([string] for string in naughty())])

    job = import_people(examine(file), to=to, by=SYSTEM, error_path=errors)

    assert job.created_count == Subscriber.objects.of(to.workspace).count()
    assert job.refused_count == len(refused(errors)) > 400


@pytest.mark.skipif(not FILES, reason="the corpus is not here")
def test_an_upload_finds_out_what_the_command_has_to_be_told(to):
    for name, (_, wanted) in ENCODED.items():
        content = [(CSV / name).read_bytes()]
        told = {"file_name": name, "content": content, "list": to, "at_once": True}
        job = jobs.upload(to.workspace, **told, by=SYSTEM)
        while work.go_on():
            pass
        job.refresh_from_db()
        assert (job.state, job.refused_count) == ("finished", 0)
        assert {person for person, *_ in wanted} <= {person for person, *_ in people(to)}
        for email, first_name, fields in wanted:
            row = Subscriber.objects.get(email=email)
            assert row.first_name == first_name
            assert row.fields.items() >= fields.items()


@pytest.mark.skipif(not FILES, reason="the corpus is not here")
def test_an_upload_of_any_file_is_shown_or_refused_with_a_reason(to):
    refused_files = {}
    for file in FILES:
        told = {"file_name": file.name, "content": [file.read_bytes()]}
        try:
            job = jobs.upload(to.workspace, **told, by=SYSTEM)
        except Invalid as error:
            refused_files[file.name] = error.detail
        else:
            assert len(job.targets) == len(job.layout["header"]) == len(job.layout["samples"])
    # Two columns that mean the same are for a person to decide.
    told = {name: why for name, why in REFUSED_WHOLE.items() if name != "dup_headers.csv"}
    assert refused_files == told
