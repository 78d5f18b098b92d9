"""Text that lies in the database encrypted: Fernet, under keys made from SECRET_KEY and its fallbacks."""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

PREFIX = "gAAAAA"
"""How every Fernet token begins: its version, and the head of its time. Base32 has no small letters."""
PURPOSE = b"callastar: text sealed in the database"
_keys: list[MultiFernet] = []


def configure(secrets: Sequence[str]) -> None:
    """Seal with the first of `secrets`, open with any of them."""
    _keys[:] = [MultiFernet([Fernet(_key(secret)) for secret in secrets])]


def _key(secret: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
    return base64.urlsafe_b64encode(derived)


class SealedText(TypeDecorator[str]):
    """A string that is sealed whenever it is written; None where no key opens it, plain where it never was."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Seal."""
        return None if value is None else _keys[0].encrypt(value.encode()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Open."""
        if value is None or not value.startswith(PREFIX):
            return value
        try:
            return _keys[0].decrypt(value.encode()).decode()
        except InvalidToken:
            return None
