"""A name server of one's own, over real UDP: the zone is a dict."""

from __future__ import annotations

import socket
import threading
from collections import Counter

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """Answers what `zone` holds, {(name, type): [value, …]}, and that nothing else is there.

    It keeps silent about the names in `silent`; `asked` counts the questions.
    """

    def __init__(self):
        self.zone = {}
        self.silent = set()
        self.asked = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self):
        return self._socket.getsockname()

    def text(self, name, *texts):
        """Publish TXT records, the long ones in pieces, as DNS wants them."""
        self.zone[name, "TXT"] = [
            " ".join(
                '"{}"'.format(text[start : start + 255].replace('"', r"\""))
                for start in range(0, max(1, len(text)), 255)
            )
            for text in texts
        ]

    def publish(self, domain):
        """Show all that a sending domain needs, mailed for by 192.0.2.1."""
        self.text(domain.bounce_domain, "v=spf1 ip4:192.0.2.1 ~all")
        self.text(domain.name, "v=spf1 ip4:192.0.2.1 ~all")
        self.text(f"_dmarc.{domain.name}", "v=DMARC1; p=none")
        self.zone[domain.bounce_domain, "MX"] = ["10 mail.harbour.example."]
        self.zone["mail.harbour.example", "A"] = ["192.0.2.1"]
        self.zone["1.2.0.192.in-addr.arpa", "PTR"] = ["mail.harbour.example."]
        self.zone["links.harbour.example", "A"] = ["192.0.2.2"]
        for key in domain.keys.published():
            self.text(key.host, key.record)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while True:
            wire, sender = self._socket.recvfrom(4096)
            if not wire:
                return
            if answer := self._answer(dns.message.from_wire(wire)):
                self._socket.sendto(answer.to_wire(), sender)

    def _answer(self, query):
        [question] = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        if name in self.silent:
            return None
        answer = dns.message.make_response(query, recursion_available=True)
        values = self.zone.get((name, kind), [])
        if values:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *values))
        elif name not in {known for known, _ in self.zone}:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
