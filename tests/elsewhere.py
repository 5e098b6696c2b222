"""Another site on 127.0.0.1, over http or over TLS with a certificate of a made-up authority, that answers as it is told."""

import datetime
import functools
import ipaddress
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Elsewhere:
    """The other site. `answers` is path → JSON, or bytes as they are sent, or what is called with the handler."""

    def __init__(self, port, scheme="http"):
        self.port, self.scheme = port, scheme
        self.answers, self.asked = {}, []

    def origin(self, host="127.0.0.1"):
        return f"{self.scheme}://{host}:{self.port}"

    def url(self, path="/jwks", host="127.0.0.1"):
        return self.origin(host) + path

    @property
    def listed(self):
        """Return the setting that lets this site be fetched from."""
        return frozenset({self.origin(), self.origin("localhost"), self.origin("keys.test")})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Say nothing: who asks may hang up."""


@contextmanager
def elsewhere(certificate=None):
    """Serve another site; with a certificate (`certificate_for`) over TLS."""
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    site = Elsewhere(server.server_address[1], "https" if certificate else "http")
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            site.asked.append((self.command, self.path, dict(self.headers), body))
            said = site.answers[self.path]
            if callable(said):
                said = said(self)
            if isinstance(said, dict):
                content = json.dumps(said).encode()
                said = BAD + b"Content-Length: %d\r\n\r\n%s" % (len(content), content)
            self.wfile.write(said or b"")
            self.close_connection = True

        do_GET = do_POST = answer

        def log_message(self, *arguments):
            pass

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent_site():
    """Take connections and say nothing; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def json_answer(content, *headers):
    """Return the bytes of an answer with this content, be it JSON or not."""
    lines = "".join(f"{each}\r\n" for each in headers).encode()
    return BAD + lines + b"Content-Length: %d\r\n\r\n%s" % (len(content), content)


@functools.cache
def _authority():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of the tests")])
    return key, _certificate(name, name, key.public_key(), key, x509.BasicConstraints(ca=True, path_length=0))


def _certificate(subject, issuer, public_key, signing_key, *extensions, days=1):
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=3))
        .not_valid_after(now + datetime.timedelta(days=days))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(signing_key, hashes.SHA256())


def authority_file(folder):
    """Write the certificate of the authority, as SSL_CERT_FILE takes it; return its path."""
    path = folder / "authority.pem"
    path.write_bytes(_authority()[1].public_bytes(serialization.Encoding.PEM))
    return path


def certificate_for(folder, *names, days=1):
    """Write a certificate of the authority for these names, with its key; return its path."""
    authority_key, authority = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Another site")])
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    certificate = _certificate(subject, authority.subject, key.public_key(), authority_key, alternatives, days=days)
    path = folder / f"{names[0]}-{days}.pem"
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(plain + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def _general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
