"""The server's certificate: checked, not checked, or checked against an authority of one's own."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3.exceptions import InsecureRequestWarning

from airflow_provider_do_images.api import NotSentError
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with an untrusted certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a private authority")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(pem) + secret)
    return file


class _Images(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        type(self).asked += 1
        body = b'{"images": [], "meta": {"total": 3}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def client(certificate, connection):
    """Return the client of a connection to a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    _Images.asked = 0
    with HTTPServer(("127.0.0.1", 0), _Images) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()

        def verifying(verify):
            host = f"https://127.0.0.1:{server.server_port}"
            connection(host=host, extra={"verify": verify, "max_retries": 0})
            return DigitalOceanHook().get_conn()

        yield verifying
        server.shutdown()


@pytest.mark.parametrize("verify", ["true", True, "", None])
def test_an_untrusted_certificate_is_refused(client, verify):
    """By default nothing is sent, and the message names the field that may help."""
    with pytest.raises(NotSentError, match="verify"):
        client(verify).count_private_images()

    assert _Images.asked == 0


def test_an_authority_of_ones_own_is_trusted(client, certificate, monkeypatch):
    """The path of its certificate is enough, whatever the environment trusts."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ssl.get_default_verify_paths().openssl_cafile)

    assert client(str(certificate)).count_private_images() == 3


@pytest.mark.parametrize("verify", ["false", False])
def test_the_check_can_be_switched_off(client, verify):
    """It is sent, and urllib3 warns of it."""
    with pytest.warns(InsecureRequestWarning):
        assert client(verify).count_private_images() == 3
