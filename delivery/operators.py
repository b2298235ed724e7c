"""Who runs the mail of a domain: those that many domains share, and that judge us as a whole.

Pure. A table knows the domains of the big ones, so that nothing has to be looked up for most
people; the name of a domain's mail exchanger gives away the rest.
"""

from __future__ import annotations

from collections.abc import Iterable

# Operator: the domains at which people have addresses, and the ends of its exchangers' names.
_OPERATORS: dict[str, tuple[str, str]] = {
    "google": ("gmail.com googlemail.com", "google.com googlemail.com"),
    "microsoft": ("msn.com passport.com windowslive.com", "outlook.com hotmail.com office365.us"),
    "yahoo": ("ymail.com rocketmail.com aol.com aim.com verizon.net att.net", "yahoodns.net"),
    "apple": ("icloud.com me.com mac.com", "icloud.com"),
    "gmx": ("gmx.de gmx.net gmx.at gmx.ch gmx.com web.de mail.com", "gmx.net gmx.com web.de"),
    "ionos": ("", "kundenserver.de ionos.com ionos.de ionos.co.uk perfora.net 1and1.com"),
    "t-online": ("t-online.de magenta.de", "t-online.de"),
    "strato": ("", "rzone.de"),
    "hetzner": ("", "your-server.de"),
    "freenet": ("freenet.de", "freenet.de"),
    "orange": ("orange.fr wanadoo.fr", "orange.fr wanadoo.fr"),
    "free": ("free.fr", "free.fr proxad.net"),
    "sfr": ("sfr.fr neuf.fr", "sfr.fr"),
    "laposte": ("laposte.net", "laposte.net"),
    "ovh": ("", "ovh.net ovh.ca"),
    "gandi": ("", "gandi.net"),
    "infomaniak": ("", "infomaniak.ch infomaniak.com"),
    "libero": ("libero.it virgilio.it iol.it", "libero.it"),
    "telecom-italia": ("alice.it tim.it", "tim.it alice.it"),
    "aruba": ("", "aruba.it"),
    "wp": ("wp.pl o2.pl", "wp.pl o2.pl"),
    "onet": ("onet.pl op.pl poczta.onet.pl", "onet.pl"),
    "interia": ("interia.pl", "interia.pl"),
    "seznam": ("seznam.cz email.cz post.cz", "seznam.cz"),
    "one.com": ("", "one.com"),
    "bt": ("btinternet.com", "cpcloud.co.uk btinternet.com"),
    "comcast": ("comcast.net", "comcast.net"),
    "charter": ("charter.net rr.com", "charter.net"),
    "cox": ("cox.net", "cox.net"),
    "rackspace": ("", "emailsrvr.com"),
    "godaddy": ("", "secureserver.net"),
    "namecheap": ("", "privateemail.com registrar-servers.com"),
    "hostinger": ("", "hostinger.com titan.email"),
    "proton": ("proton.me protonmail.com pm.me", "protonmail.ch proton.ch"),
    "fastmail": ("fastmail.com fastmail.fm", "messagingengine.com"),
    "zoho": ("zoho.com zohomail.com", "zoho.com zoho.eu zoho.in"),
    "amazon": ("", "amazonaws.com"),
    "yandex": ("yandex.com yandex.ru ya.ru", "yandex.net yandex.ru"),
    "mail.ru": ("mail.ru bk.ru inbox.ru list.ru", "mail.ru"),
    "rambler": ("rambler.ru", "rambler.ru"),
    "tencent": ("qq.com foxmail.com", "qq.com"),
    "netease": ("163.com 126.com yeah.net", "netease.com mxmail.netease.com"),
    "alibaba": ("aliyun.com", "mxhichina.com aliyun.com"),
    "naver": ("naver.com", "naver.com"),
    "kakao": ("daum.net hanmail.net kakao.com", "kakao.com daum.net"),
    "mimecast": ("", "mimecast.com mimecast.co.za"),
    "proofpoint": ("", "pphosted.com ppe-hosted.com gpphosted.com"),
    "barracuda": ("", "barracudanetworks.com"),
    "broadcom": ("", "messagelabs.com"),
    "cisco": ("", "iphmx.com"),
    "hornetsecurity": ("", "hornetsecurity.com antispameurope.com"),
    "trendmicro": ("", "trendmicro.com trendmicro.eu"),
    "sophos": ("", "sophos.com"),
}
# These have a domain of this name in many countries: hotmail.fr, yahoo.co.jp.
_EVERYWHERE = dict.fromkeys(("hotmail", "outlook", "live"), "microsoft") | {"yahoo": "yahoo"}
_DOMAINS = {domain: name for name, (own, _) in _OPERATORS.items() for domain in own.split()}
_EXCHANGERS = {end: name for name, (_, ends) in _OPERATORS.items() for end in ends.split()}
# Nobody runs mail there (RFC 2606, 6761): they need not be looked up.
_RESERVED = ("example", "test", "invalid", "localhost", "example.com", "example.net", "example.org")


def by_domain(domain: str) -> str:
    """The operator of a well-known domain, in small letters; '' for all others."""
    if known := _DOMAINS.get(domain):
        return known
    name, _, country = domain.partition(".")
    return _EVERYWHERE.get(name, "") if len(country) <= len("com.xx") else ""


def by_exchangers(hosts: Iterable[str]) -> str:
    """The operator of these mail exchangers, best first; '' where nobody is known."""
    for host in hosts:
        labels = host.lower().rstrip(".").split(".")
        for start in range(len(labels) - 1):
            if known := _EXCHANGERS.get(".".join(labels[start:])):
                return known
    return ""


def is_reserved(domain: str) -> bool:
    """Whether it stands in for domains in examples and tests."""
    return any(domain == name or domain.endswith(f".{name}") for name in _RESERVED)
