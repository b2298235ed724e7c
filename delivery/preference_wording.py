"""What people read who choose what they get, or ask for their data, in our languages. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Choices(NamedTuple):
    """The page of preferences; {sender}, {address} and {until} are filled in."""

    title: str
    about: str
    lists: str
    pending: str
    frequency: str
    frequencies: dict[str, str]  # by `Frequency`
    language: str
    any_language: str
    save: str
    saved: str
    asked: str
    consent: str
    snooze: str
    snooze_detail: str
    days: str
    until: str
    put_off: str
    snoozed: str
    wake: str
    awake: str
    bad_day: str
    data: str
    data_detail: str
    export: str
    erase: str
    mailed: str
    leave_all: str
    ended: str
    ended_detail: str
    new_link: str


class Request(NamedTuple):
    """The mail that asks whether it was them, and the page that it leads to."""

    subject: str
    text: str
    button: str
    title: str
    detail: str
    do: str


class Answers(NamedTuple):
    """What else those pages say."""

    note: str
    ended: str
    ended_detail: str
    erased: str
    erased_detail: str


PREFERENCES: dict[str, Choices] = {
    "en": Choices(
        title="Your preferences",
        about="What {sender} sends to {address}.",
        lists="What would you like to get?",
        pending="waits for your confirmation",
        frequency="How often, at most?",
        frequencies={
            "all": "Everything there is",
            "weekly": "One message a week",
            "monthly": "One message a month",
        },
        language="Language",
        any_language="No preference",
        save="Save",
        saved="Your preferences are saved.",
        asked="Look into your mailbox: a message there asks you to confirm what you have joined.",
        consent="I want to get messages of this list.",
        snooze="Take a break",
        snooze_detail="Nothing but what you have ordered yourself reaches you meanwhile.",
        days="{days} days",
        until="Until",
        put_off="Pause until then",
        snoozed="You take a break until {until}.",
        wake="End the break",
        awake="Your break is over.",
        bad_day="Choose a day within a year from now.",
        data="Your data",
        data_detail="A message to {address} asks you to confirm it.",
        export="Send me a copy of my data",
        erase="Erase my data",
        mailed="Look into your mailbox: a message there leads on.",
        leave_all="Stop all mail from {sender}",
        ended="This link has ended",
        ended_detail="It was good for ninety days. We can send {address} a new one.",
        new_link="Send me a new link",
    ),
    "de": Choices(
        title="Ihre Einstellungen",
        about="Was {sender} an {address} schickt.",
        lists="Was möchten Sie bekommen?",
        pending="wartet auf Ihre Bestätigung",
        frequency="Wie oft höchstens?",
        frequencies={
            "all": "Alles, was es gibt",
            "weekly": "Eine Nachricht in der Woche",
            "monthly": "Eine Nachricht im Monat",
        },
        language="Sprache",
        any_language="Egal",
        save="Speichern",
        saved="Ihre Einstellungen sind gespeichert.",
        asked="Schauen Sie in Ihr Postfach: dort bittet eine Nachricht um Ihre Bestätigung.",
        consent="Ich möchte Nachrichten dieser Liste bekommen.",
        snooze="Pause machen",
        snooze_detail="Bis dahin erreicht Sie nur, was Sie selbst bestellt haben.",
        days="{days} Tage",
        until="Bis zum",
        put_off="So lange pausieren",
        snoozed="Sie machen Pause bis zum {until}.",
        wake="Pause beenden",
        awake="Ihre Pause ist zu Ende.",
        bad_day="Wählen Sie einen Tag innerhalb eines Jahres.",
        data="Ihre Daten",
        data_detail="Eine Nachricht an {address} bittet Sie um Bestätigung.",
        export="Eine Kopie meiner Daten schicken",
        erase="Meine Daten löschen",
        mailed="Schauen Sie in Ihr Postfach: eine Nachricht dort führt weiter.",
        leave_all="Gar keine Post von {sender} mehr",
        ended="Dieser Link gilt nicht mehr",
        ended_detail="Er galt neunzig Tage. Wir können {address} einen neuen schicken.",
        new_link="Einen neuen Link schicken",
    ),
}
REQUESTS: dict[str, dict[str, Request]] = {  # by `RequestKind`
    "en": {
        "link": Request(
            subject="Your preferences",
            text="Here is a new link to your preferences.",
            button="My preferences",
            title="",
            detail="",
            do="",
        ),
        "export": Request(
            subject="A copy of your data",
            text="Somebody, we hope it was you, has asked for a copy of your data.",
            button="To my data",
            title="Your data",
            detail="All that {sender} has stored of {address}, as a file.",
            do="Download",
        ),
        "erase": Request(
            subject="Erase your data?",
            text="Somebody, we hope it was you, has asked to erase your data.",
            button="To the erasure",
            title="Erase your data?",
            detail="{sender} forgets all about {address}, and never writes to it again. "
            "Nobody can undo that.",
            do="Erase all of it",
        ),
    },
    "de": {
        "link": Request(
            subject="Ihre Einstellungen",
            text="Hier ist ein neuer Link zu Ihren Einstellungen.",
            button="Meine Einstellungen",
            title="",
            detail="",
            do="",
        ),
        "export": Request(
            subject="Eine Kopie Ihrer Daten",
            text="Jemand, hoffentlich Sie selbst, hat um eine Kopie Ihrer Daten gebeten.",
            button="Zu meinen Daten",
            title="Ihre Daten",
            detail="Alles, was {sender} über {address} gespeichert hat, als Datei.",
            do="Herunterladen",
        ),
        "erase": Request(
            subject="Ihre Daten löschen?",
            text="Jemand, hoffentlich Sie selbst, hat darum gebeten, Ihre Daten zu löschen.",
            button="Zum Löschen",
            title="Ihre Daten löschen?",
            detail="{sender} vergisst alles über {address} und schreibt nie wieder dorthin. "
            "Niemand kann das rückgängig machen.",
            do="Alles löschen",
        ),
    },
}
ANSWERS: dict[str, Answers] = {
    "en": Answers(
        note="You did not ask for this? Then you need not do anything.",
        ended="This link has ended",
        ended_detail="It was good for three days. Ask again by the preferences page.",
        erased="It is done",
        erased_detail="Your data are erased, and nothing is sent to you any more.",
    ),
    "de": Answers(
        note="Das waren nicht Sie? Dann brauchen Sie nichts zu tun.",
        ended="Dieser Link gilt nicht mehr",
        ended_detail="Er galt drei Tage. Bitten Sie auf der Einstellungsseite noch einmal darum.",
        erased="Es ist geschehen",
        erased_detail="Ihre Daten sind gelöscht, und Sie bekommen nichts mehr.",
    ),
}
