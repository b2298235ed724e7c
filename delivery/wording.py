"""What people are told who are asked to confirm, or who leave, in our languages. Pure."""

from __future__ import annotations

from typing import NamedTuple

LANGUAGES = [("en", "English"), ("de", "Deutsch")]


class Wording(NamedTuple):
    """The built-in message, in Liquid, and the pages that its two links lead to."""

    subject: str
    html: str
    lists: str
    confirm: str
    confirmed: str
    confirmed_detail: str
    ended: str
    ended_detail: str
    nothing: str
    nothing_detail: str
    disown: str
    disown_detail: str
    disowned: str
    disowned_detail: str


class Farewell(NamedTuple):
    """The page that says goodbye; {list}, {sender} and {address} are filled in."""

    title: str
    from_list: str
    from_all: str
    leave: str
    leave_all: str
    left: str
    left_list: str
    left_all: str
    why: str
    thanks: str
    reasons: dict[str, str]  # by `LeavingReason`


ENGLISH = Wording(
    subject="Please confirm your subscription",
    html="""\
<p>Hello{% if subscriber.first_name %} {{ subscriber.first_name }}{% endif %},</p>
<p>somebody, we hope it was you, asked {{ workspace.name }} for mail to {{ subscriber.email }}.
Nothing is sent before you say yes.</p>
<p><a href="{{ links.confirm }}">Confirm my subscription</a></p>
<p>You did not ask for this? Then you need not do anything, or
<a href="{{ links.not_me }}">tell us that it was not you</a>: we will not ask again.</p>
<p>{{ workspace.name }} · {{ workspace.postal_address }}</p>
""",
    lists="Confirm your subscription",
    confirm="Confirm",
    confirmed="Thank you",
    confirmed_detail="Your subscription is confirmed.",
    ended="This link has ended",
    ended_detail="It was good for seven days. Ask again where you signed up.",
    nothing="Nothing to confirm",
    nothing_detail="There is no subscription of yours that waits for an answer.",
    disown="This was not me",
    disown_detail="Your address is taken off the list, and not asked again for half a year.",
    disowned="Sorry to have bothered you",
    disowned_detail="We will not ask this address again for half a year.",
)
GERMAN = Wording(
    subject="Bitte bestätigen Sie Ihre Anmeldung",
    html="""\
<p>Guten Tag{% if subscriber.first_name %} {{ subscriber.first_name }}{% endif %},</p>
<p>jemand, hoffentlich Sie selbst, hat bei {{ workspace.name }} Post an {{ subscriber.email }}
bestellt. Bevor Sie zustimmen, wird nichts verschickt.</p>
<p><a href="{{ links.confirm }}">Anmeldung bestätigen</a></p>
<p>Das waren nicht Sie? Dann brauchen Sie nichts zu tun, oder Sie
<a href="{{ links.not_me }}">sagen uns, dass Sie es nicht waren</a>: wir fragen nicht wieder.</p>
<p>{{ workspace.name }} · {{ workspace.postal_address }}</p>
""",
    lists="Anmeldung bestätigen",
    confirm="Bestätigen",
    confirmed="Vielen Dank",
    confirmed_detail="Ihre Anmeldung ist bestätigt.",
    ended="Dieser Link gilt nicht mehr",
    ended_detail="Er galt sieben Tage. Bitte melden Sie sich dort, wo Sie waren, noch einmal an.",
    nothing="Nichts zu bestätigen",
    nothing_detail="Es gibt keine Anmeldung von Ihnen, die auf eine Antwort wartet.",
    disown="Das war ich nicht",
    disown_detail="Ihre Adresse wird ausgetragen und ein halbes Jahr lang nicht mehr gefragt.",
    disowned="Bitte entschuldigen Sie die Störung",
    disowned_detail="Wir fragen diese Adresse ein halbes Jahr lang nicht wieder.",
)
IN: dict[str, Wording] = {"en": ENGLISH, "de": GERMAN}
FAREWELL: dict[str, Farewell] = {
    "en": Farewell(
        title="Unsubscribe?",
        from_list="Stop sending “{list}” to {address}.",
        from_all="Stop all mail from {sender} to {address}.",
        leave="Unsubscribe",
        leave_all="Stop all mail from {sender}",
        left="You are unsubscribed",
        left_list="You will get no more mail from “{list}”.",
        left_all="You will get no more mail from {sender}.",
        why="Would you tell us why? You need not.",
        thanks="Thank you for telling us.",
        reasons={
            "too_many": "Too many messages",
            "irrelevant": "Not what I am interested in",
            "not_asked": "I never signed up",
            "other": "Another reason",
        },
    ),
    "de": Farewell(
        title="Abmelden?",
        from_list="„{list}“ wird nicht mehr an {address} geschickt.",
        from_all="{sender} schickt nichts mehr an {address}.",
        leave="Abmelden",
        leave_all="Gar keine Post von {sender} mehr",
        left="Sie sind abgemeldet",
        left_list="Sie bekommen keine Post von „{list}“ mehr.",
        left_all="Sie bekommen keine Post von {sender} mehr.",
        why="Mögen Sie uns sagen, warum? Sie müssen nicht.",
        thanks="Danke für die Auskunft.",
        reasons={
            "too_many": "Zu viele Nachrichten",
            "irrelevant": "Interessiert mich nicht",
            "not_asked": "Ich habe mich nie angemeldet",
            "other": "Ein anderer Grund",
        },
    ),
}
