from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emailseq.lib.errors import Invalid
from subscribers.imports import read

PEOPLE = [["email", "name"], ["ada@example.com", "Zoë, Łódź"], ["bob@example.com", 'He said "hi"']]


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "people.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def people(**options):
    text = io.StringIO(newline="")
    csv.writer(text, **options).writerows(PEOPLE)
    return text.getvalue()


def cells(layout, **options):
    return [row.cells for row in read.rows(layout, **options)]


def faults(layout):
    return [(row.line, row.cells, row.fault) for row in read.rows(layout) if row.fault]


@pytest.mark.parametrize("delimiter", read.DELIMITERS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_recognised(write, delimiter, line_end):
    layout = read.examine(write(people(delimiter=delimiter, lineterminator=line_end)))

    assert (layout.delimiter, layout.header, layout.head_lines) == (delimiter, ("email", "name"), 1)
    assert cells(layout) == PEOPLE[1:]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_may_say_which_delimiter_it_has(write, mark):
    layout = read.examine(write(f"{mark}sep=^\r\nemail^na;me\r\na@example.com^A, B\r\n"))

    assert (layout.delimiter, layout.header, layout.head_lines) == ("^", ("email", "na;me"), 2)
    assert [(row.line, row.cells) for row in read.rows(layout)] == [(3, ["a@example.com", "A, B"])]


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-be", "utf-16"),
        ("utf-32", "utf-32"),
    ],
)
def test_a_byte_order_mark_names_the_encoding(write, codec, encoding):
    mark = "\ufeff" if codec == "utf-16-be" else ""

    layout = read.examine(write((mark + people()).encode(codec)))

    assert (layout.encoding, layout.assumed) == (encoding, False)
    assert layout.header == ("email", "name")
    assert cells(layout) == PEOPLE[1:]


def test_without_a_mark_utf_8_is_assumed_and_said_so(write):
    layout = read.examine(write(people()))

    assert (layout.encoding, layout.assumed) == ("utf-8", True)


@pytest.mark.parametrize("name", ["cp1250", "CP1250", "windows-1250"])
def test_a_named_encoding_is_used(write, name):
    layout = read.examine(write("email,city\na@example.com,Łódź".encode("cp1250")), encoding=name)

    assert (layout.encoding, layout.assumed) == ("cp1250", False)
    assert cells(layout) == [["a@example.com", "Łódź"]]


def test_naming_utf_8_does_not_leave_the_mark_in_the_header(write):
    layout = read.examine(write(people().encode("utf-8-sig")), encoding="UTF8")

    assert layout.header == ("email", "name")


def test_a_row_in_another_encoding_is_refused_and_its_neighbours_are_not(write):
    content = b"email,city\na@example.com,Paris\nb@example.com,Krak\xf3w\nc@example.com,Rome\n"

    layout = read.examine(write(content))

    fault = "The row is not UTF-8; say which encoding the file has."
    assert faults(layout) == [(3, ["b@example.com", "Krak\udcf3w"], fault)]
    assert [row.cells[1] for row in read.rows(layout) if not row.fault] == ["Paris", "Rome"]
    assert read.readable("Krak\udcf3w \0") == r"Krak\xf3w \x00"


def test_half_characters_of_utf_16_are_refused_in_their_row(write):
    content = (
        "\ufeffemail,city\na@example.com,".encode("utf-16-le")
        + b"\x00\xd8"
        + "\n".encode("utf-16-le")
    )

    [(line, _, fault)] = faults(read.examine(write(content)))

    assert line == 2
    assert fault.startswith("The row is not UTF-16")


def test_nul_is_refused_in_its_row(write):
    layout = read.examine(write("email,name\na@example.com,A\0B\nb@example.com,B\n"))

    assert faults(layout) == [(2, ["a@example.com", "A\0B"], "The row holds NUL.")]
    assert len(cells(layout)) == 2


def test_blank_rows_are_left_out_and_lines_are_counted_all_the_same(write):
    layout = read.examine(write("\n\n  \nemail,name\n\n,\n  ,\t\na@example.com,A\n\n"))

    assert (layout.header, layout.head_lines) == (("email", "name"), 4)
    assert [(row.line, row.cells) for row in read.rows(layout)] == [(8, ["a@example.com", "A"])]


def test_a_quoted_cell_may_span_lines(write):
    layout = read.examine(write('email,note\na@example.com,"1\n2\n\n3"\nb@example.com,x\n'))

    found = [(row.line, row.last_line, row.cells[1]) for row in read.rows(layout)]
    assert found == [(2, 5, "1\n2\n\n3"), (6, 6, "x")]
    assert cells(layout, after=5) == [["b@example.com", "x"]]


@pytest.mark.parametrize("row", ['a@example.com,"open', 'a@example.com,"Ada"x'])
def test_a_stray_quote_takes_no_other_row_along(write, row):
    layout = read.examine(write(f'email,name\n{row}\nb@example.com,B\nc@example.com,"C, D"\n'))

    [(line, raw, fault)] = faults(layout)
    assert (line, raw) == (2, [row])
    assert "closing quote" in fault or "never closed" in fault
    assert [row.cells for row in read.rows(layout) if not row.fault] == [
        ["b@example.com", "B"],
        ["c@example.com", "C, D"],
    ]


def test_a_quote_inside_a_cell_is_a_character(write):
    layout = read.examine(write('email,name\na@example.com,5" disk\n'))

    assert cells(layout) == [["a@example.com", '5" disk']]


def test_a_huge_cell_is_refused_in_its_row(write):
    layout = read.examine(
        write(f"email,note\na@example.com,{'x' * 10_000_000}\nb@example.com,{'y' * 64 * 1024}\n")
    )

    [(line, _, fault)] = faults(layout)
    assert (line, fault) == (2, "A cell is longer than 64 KB, or a quote is never closed.")
    assert [row.cells[0] for row in read.rows(layout) if not row.fault] == ["b@example.com"]


def test_a_file_of_bare_addresses_needs_no_header(write):
    layout = read.examine(write("\na@example.com\nb@example.com\n"))

    assert (layout.header, layout.head_lines) == (("email",), 1)
    assert cells(layout) == [["a@example.com"], ["b@example.com"]]


def test_two_hundred_columns_are_taken(write):
    header = ",".join(["email", *(f"c{n}" for n in range(199))])

    assert len(read.examine(write(f"{header}\na@example.com\n")).header) == 200
    with pytest.raises(Invalid, match="The file has 201 columns; at most 200 are taken"):
        read.examine(write(f"{header},c199\na@example.com\n"))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("\ufeff", "empty"),
        ("sep=;\n", "empty"),
        ("email,name\n", "no_rows"),
        ("email,name\n\n,\n", "no_rows"),
        ("a@example.com,Ada\nb@example.com,Bob\n", "no_header"),
        ('email,"name\n', "bad_header"),
        ("em\0ail\na@example.com\n", "bad_header"),
        (b"PK\x03\x04rest", "not_csv"),
        (b"\xd0\xcf\x11\xe0rest", "not_csv"),
        ('{"email": "a@example.com"}', "not_csv"),
    ],
)
def test_what_is_no_table_of_people_is_refused_with_a_reason(write, content, code):
    with pytest.raises(Invalid) as caught:
        read.examine(write(content))

    assert [(error.pointer, error.code) for error in caught.value.errors] == [("/file", code)]


@pytest.mark.parametrize("name", ["klingon", "zip", "rot13", "undefined"])
def test_an_unknown_encoding_is_refused_by_name(write, name):
    with pytest.raises(Invalid, match=f"There is no encoding “{name}”"):
        read.examine(write("email\na@example.com\n"), encoding=name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(Invalid, match=r"There is no file .*/none\.csv"):
        read.examine(tmp_path / "none.csv")
    with pytest.raises(Invalid, match="There is no file"):
        read.examine(tmp_path)


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=4), min_size=1, max_size=9),
    st.sampled_from(read.DELIMITERS),
)
def test_whatever_is_written_as_csv_is_read_back(tmp_path_factory, table, delimiter):
    path = tmp_path_factory.mktemp("csv") / "people.csv"
    with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(
            [["email", "name"], *table, ["last@example.com", "x"]]
        )

    found = list(read.rows(read.examine(path)))

    wanted = [cells for cells in table if any(cell.strip() for cell in cells)]
    assert [row.cells for row in found if not row.fault][-1] == ["last@example.com", "x"]
    assert len(found) == len(wanted) + 1
    for row, cells in zip(found, wanted, strict=False):
        storable = not any("\0" in cell or _has_surrogate(cell) for cell in cells)
        assert (row.cells == cells) if storable else row.fault


def _has_surrogate(text):
    return any("\ud800" <= character <= "\udfff" for character in text)
