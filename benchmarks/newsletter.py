"""The newsletter that is rendered and sent, and the people who get it.

Ten fields, a loop of five, two conditions, twenty tracked links: 20 KB as a message.
"""

from __future__ import annotations

from pathlib import Path

from subscribers.states import FieldKind

SUBJECT = "{{ subscriber.first_name }}, the news from the harbour"
HTML = Path(__file__).with_name("newsletter.html").read_text(encoding="utf-8")
FIELDS = {
    "berth": FieldKind.TEXT,
    "town": FieldKind.TEXT,
    "boat": FieldKind.TEXT,
    "length_m": FieldKind.NUMBER,
    "berth_since": FieldKind.DATE,
    "member": FieldKind.BOOLEAN,
    "member_no": FieldKind.NUMBER,
    "tides": FieldKind.TEXT,
}
_FIRST = (
    *("Agnieszka", "Ann", "Björn", "Carlos", "Chloé", "Dieter", "Emma", "Fatma", "Giulia", "Hans"),
    *("Ines", "Jan", "Karin", "Liam", "Marta", "Nora", "Olaf", "Paula", "Rosa", "Søren", "Tomas"),
    *("Ulla", "Viktor", "Zoë"),
)
_LAST = (
    *("Andersen", "Bakker", "Becker", "Bennett", "Brown", "Costa", "Dubois", "Eriksson", "Fischer"),
    *("García", "Hansen", "Hoffmann", "Jensen", "Johnson", "Keller", "Kowalska", "Larsen"),
    *("Lefèvre", "Martin", "Meyer", "Müller", "Nielsen", "Novák", "O'Brien", "Okafor", "Petit"),
    *("Ricci", "Rossi", "Sanders", "Schmidt", "Silva", "Smith", "Sørensen", "Tan", "Vos", "Wagner"),
    *("Weber", "Wilson", "Young"),
)
_TOWNS = ("Aarhus", "Bremerhaven", "Copenhagen", "Den Helder", "Esbjerg", "Fécamp", "Gdynia")
_BOATS = ("Albin Vega", "Colin Archer", "Folkboat", "Hallberg-Rassy 31", "Najad 320", "Contessa 26")


def person(number: int) -> list[str]:
    """Address, first and last name, and the values of FIELDS, as a file has them."""
    week = ("Mon", "Tue", "Wed", "Thu", "Fri")
    tides = ";".join(
        f"{day} {(number + turn) % 12:02}:{number % 60:02}" for turn, day in enumerate(week)
    )
    return [
        f"person-{number}@post.example",
        _FIRST[number % len(_FIRST)],
        _LAST[number * 7 % len(_LAST)],
        f"B {number % 90}",
        _TOWNS[number % len(_TOWNS)],
        "" if number % 3 == 0 else _BOATS[number % len(_BOATS)],
        str(7 + number % 30 / 4),
        f"{2000 + number % 26}-{number % 12 + 1:02}-01",
        "yes" if number % 2 else "no",
        str(number),
        tides,
    ]
