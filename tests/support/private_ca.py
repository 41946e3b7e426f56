"""A private certificate authority, and a certificate of it for this machine."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PEM = serialization.Encoding.PEM


def make(folder: Path) -> tuple[Path, tuple[Path, Path]]:
    """Return the file of the authority; and those of a certificate for 127.0.0.1, and of its key."""
    authority, private = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _name("Private CA of a test")
    of_root = _builder(root, authority, root).add_extension(x509.BasicConstraints(True, None), critical=True)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    of_leaf = _builder(_name("127.0.0.1"), private, root).add_extension(
        x509.SubjectAlternativeName([address]), critical=False
    )
    files = [folder / name for name in ("ca.pem", "certificate.pem", "key.pem")]
    plain = serialization.NoEncryption()
    contents = [
        of_root.sign(authority, hashes.SHA256()).public_bytes(_PEM),
        of_leaf.sign(authority, hashes.SHA256()).public_bytes(_PEM),
        private.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, plain),
    ]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    return files[0], (files[1], files[2])


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: x509.Name
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )
