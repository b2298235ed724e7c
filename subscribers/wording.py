"""What people read who sign up by a form, in our languages. Pure."""

from __future__ import annotations

from typing import NamedTuple

LANGUAGES = [("en", "English"), ("de", "Deutsch")]


class SignUpWording(NamedTuple):
    """The page of a form, before and after."""

    email: str
    first_name: str
    last_name: str
    lists: str
    button: str
    trap: str
    asked: str
    asked_detail: str
    once_more: str
    too_many: str
    full: str
    closed: str
    meant: str


IN: dict[str, SignUpWording] = {
    "en": SignUpWording(
        email="Email address",
        first_name="First name",
        last_name="Last name",
        lists="What would you like to get?",
        button="Subscribe",
        trap="Leave this empty",
        asked="Almost done",
        asked_detail="Look into your mailbox: a message there asks you to confirm.",
        once_more="Please look at it once more, and press the button.",
        too_many="Too many sign-ups came from your network. Please try again in an hour.",
        full="So many people have signed up that the form takes a break. Please try tomorrow.",
        closed="Nobody can sign up here at present.",
        meant="Did you mean {}? Correct the address, or press the button again to keep it.",
    ),
    "de": SignUpWording(
        email="E-Mail-Adresse",
        first_name="Vorname",
        last_name="Nachname",
        lists="Was möchten Sie bekommen?",
        button="Anmelden",
        trap="Bitte leer lassen",
        asked="Fast fertig",
        asked_detail="Schauen Sie in Ihr Postfach: dort bittet eine Nachricht um Ihre Bestätigung.",
        once_more="Bitte sehen Sie noch einmal nach und drücken Sie auf den Knopf.",
        too_many="Aus Ihrem Netz kamen zu viele Anmeldungen. Bitte in einer Stunde noch einmal.",
        full="So viele haben sich angemeldet, dass wir eine Pause machen. Bitte morgen wieder.",
        closed="Hier kann sich zurzeit niemand anmelden.",
        meant="Meinten Sie {}? Berichtigen Sie die Adresse oder drücken Sie noch einmal auf den "
        "Knopf, wenn sie stimmt.",
    ),
}
