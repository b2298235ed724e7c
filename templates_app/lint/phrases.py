"""What filters and readers have learned to distrust. Pure."""

from __future__ import annotations

SHORTENERS = frozenset(
    {
        *("bit.ly", "buff.ly", "cutt.ly", "goo.gl", "is.gd", "lnkd.in", "ow.ly", "rb.gy", "s.id"),
        *("rebrand.ly", "shorturl.at", "shrtco.de", "t.co", "t.ly", "t1p.de", "tiny.cc"),
        *("tinyurl.com", "trib.al", "v.gd"),
    }
)
# Addresses of machines and of examples: nobody's reader gets there.
PLACEHOLDERS = frozenset({"localhost", "example.com", "example.net", "example.org"})
PLACEHOLDER_ENDS = (".localhost", ".local", ".test", ".example", ".invalid", ".internal")

SPAM = (
    "100% free",
    "act now",
    "apply now",
    "as seen on",
    "best price",
    "cash bonus",
    "click below",
    "click here",
    "congratulations you",
    "double your",
    "earn money",
    "earn extra cash",
    "eliminate debt",
    "extra income",
    "fast cash",
    "for instant access",
    "free gift",
    "free money",
    "get paid",
    "get rich",
    "guaranteed winner",
    "increase sales",
    "limited time only",
    "lowest price",
    "make money",
    "millionaire",
    "miracle",
    "money back guarantee",
    "no obligation",
    "no risk",
    "no strings attached",
    "once in a lifetime",
    "order now",
    "pre-approved",
    "risk-free",
    "satisfaction guaranteed",
    "special promotion",
    "this is not spam",
    "urgent response",
    "what are you waiting for",
    "while supplies last",
    "winner",
    "work from home",
    "you have been selected",
    "garantiert gewinnen",
    "gratis geschenk",
    "hier klicken",
    "jetzt zugreifen",
    "nur für kurze zeit",
    "schnell geld verdienen",
    "sie haben gewonnen",
)
