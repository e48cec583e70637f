"""A certificate authority of one's own, for TLS on loopback.

    own = certificates.make()                 # an authority, and a certificate for 127.0.0.1 that it signed
    server = serve(handler, "127.0.0.1", 0, ssl=own.server)
    client = connect(address, ssl=own.client)   # trusts this authority and no other

Keys are made anew each time, live in memory and, for as long as it takes to load them, in a private folder.
Taught in: notebooks/11_agent_communication.ipynb
"""

import ipaddress
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = timedelta(days=1)


class Contexts(NamedTuple):
    """What a server shows, and what a client trusts."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    authority: x509.Certificate
    certificate: x509.Certificate


def make(address: str = "127.0.0.1", days: int = 1) -> Contexts:
    """An authority and a certificate for one address, both valid from yesterday on for so many days."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _named("course authority"), _named(address)
    root = _begun(root_name, root_name, root_key, days)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    root = root.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    root = root.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False
    )
    root = root.sign(root_key, hashes.SHA256())
    leaf = _begun(name, root_name, key, days)
    where = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    leaf = leaf.add_extension(where, critical=False).add_extension(signer, critical=False)
    leaf = leaf.sign(root_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    client = ssl.create_default_context(cadata=root.public_bytes(pem).decode())
    with tempfile.TemporaryDirectory() as folder:  # the ssl module loads keys from files only
        chain = Path(folder, "chain.pem")
        chain.touch(mode=0o600)
        plain = serialization.NoEncryption()
        chain.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + leaf.public_bytes(pem)
        )
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(chain)
    return Contexts(server, client, root, leaf)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int):
    now = datetime.now(UTC)
    begun = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    begun = begun.serial_number(x509.random_serial_number())
    return begun.not_valid_before(now - DAY).not_valid_after(now + days * DAY)


def _usage(**wanted: bool) -> x509.KeyUsage:
    none = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                          "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
                         False)  # fmt: skip
    return x509.KeyUsage(**none | wanted)
