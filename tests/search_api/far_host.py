"""A host on this machine that a search's URL can name, and that answers as a test says."""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Takes a connection whose request was read, and sends what it wants.
Sends = Callable[[Any], None]


def sends(*pieces: bytes) -> Sends:
    def send(connection: Any) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return send


def gives(body: bytes, *headers: str, status: str = "200 OK") -> Sends:
    """Answer with a file, its length declared."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return sends("".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body)


class FarHost:
    """Listens on a port, any of 127.0.0.1 by default, over TLS where it has a certificate.

    Attributes:
        sends: what it does with a connection.
        requests: those that came, each to the end of its head.
        names: that connections over TLS asked for.
    """

    def __init__(
        self, certificate: Path | None = None, at: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        self.sends = gives(b"a file")
        self.requests: list[str] = []
        self.names: list[str | None] = []
        self._tls = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
            self._tls.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self._listener = socket.create_server(at)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):  # it was closed before
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Any) -> None:
        with suppress(OSError), connection:  # the other end goes when it has seen enough
            if self._tls is None:
                self._talk(connection)
                return
            with self._tls.wrap_socket(connection, server_side=True) as secure:
                self._talk(secure)

    def _talk(self, connection: Any) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(4096)
            if not piece:
                return
            request += piece
        self.requests.append(request.decode())
        self.sends(connection)


def write_certificate(path: Path, name: str) -> Path:
    """Write a certificate of a host's name, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    builder = x509.CertificateBuilder(subject, subject, key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    path.write_bytes(certificate.public_bytes(pem) + secret)
    return path
