"""TLS that is demanded is TLS of today, with the very server, by a certificate that is valid."""

from __future__ import annotations

import ipaddress
import re
import ssl
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from delivery.tests.handing import ACCEPTED, envelopes, outcomes, to_aiosmtpd
from emailseq.lib import clock

DAY = timedelta(days=1)
LOCAL = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@pytest.fixture
def server_with(tmp_path, monkeypatch):
    """A server's side of TLS, by a certificate that is trusted for whatever it says."""

    def make(*, name=LOCAL, since=-1 * DAY, until=DAY):
        key, now = ec.generate_private_key(ec.SECP256R1()), clock.now()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail server")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + since)
            .not_valid_after(now + until)
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    return make


def visit(context, tls):
    """What a server took in, and our results, or why we left."""
    ways = {"implicit": {"wrapped": context, "options": {}}}
    ways["starttls"] = {"options": {"tls_context": context}}
    return to_aiosmtpd(envelopes(""), **ways[tls], tls=tls, username="me", password="secret")


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(
    ("flaw", "why"),
    [
        ({"since": -2 * DAY, "until": -1 * DAY}, "certificate has expired"),
        ({"since": DAY, "until": 2 * DAY}, "certificate is not yet valid"),
        ({"name": x509.DNSName("other.example")}, "IP address mismatch"),
    ],
)
def test_a_certificate_that_is_not_the_servers_now_is_no_session(server_with, tls, flaw, why):
    letters, reply = visit(server_with(**flaw), tls)

    assert (letters, reply.code) == ([], 0)
    assert why in reply.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_outdated_tls_is_no_session(server_with, tls):
    context = server_with()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1

    letters, reply = visit(context, tls)

    assert (letters, reply.code) == ([], 0)
    assert reply.stage == {"starttls": "tls", "implicit": "connect"}[tls]
    # Who finds it out, and by what, is up to the two builds of OpenSSL.
    assert re.search("hung up|PROTOCOL|legacy sigalg", reply.text)


def test_a_certificate_of_the_server_is_a_session(server_with):
    options = {"tls_context": server_with()}

    letters, results = to_aiosmtpd(
        envelopes(""), options, tls="starttls", username="me", password="secret"
    )

    assert outcomes(results) == [(1, ACCEPTED)]
    assert [(signed_in, encrypted) for signed_in, encrypted, _ in letters] == [(True, True)]
