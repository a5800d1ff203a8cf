"""The mock's signing key, made once per installation, and the tokens signed with it (RS256 JSON Web Tokens)."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

from CastLib.errors import CastError

KEY_FILE = "mock-signing-key.pem"
ALGORITHM = "RS256"
AUDIENCE = "cast-hub"


class SigningKey:
    """Signs and checks tokens. Loading takes a tenth of a second, so importing this module does not do it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._private: Any = None
        self._id = ""

    def load(self) -> None:
        """Read the key, or make it when this installation has none. Raises CastError."""
        if self._private is not None:
            return
        import jwt  # noqa: F401  # now, before somebody waits for the first token
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        path = self._folder / KEY_FILE
        try:
            if not path.exists():
                _write_once(path, _new_key())
            self._private = load_pem_private_key(path.read_bytes(), None)
        except OSError as error:
            raise CastError(f"the hub cannot keep its key at {path}: {error.strerror or error}") from None
        except ValueError:
            raise CastError(f"{path} holds no key: remove it, and the hub makes a new one") from None
        self._id = hashlib.sha256(self._numbers()["n"].encode()).hexdigest()[:16]

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the token of these claims."""
        import jwt

        self.load()
        return jwt.encode(claims, self._private, ALGORITHM, headers={"kid": self._id})

    def claims(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token that this key signed and that has not expired, else None."""
        import jwt

        self.load()
        try:
            return jwt.decode(
                token,
                self._private.public_key(),
                [ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["exp", "sub"]},
            )
        except (jwt.InvalidTokenError, ValueError):
            return None

    def key_set(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key Set (RFC 7517)."""
        self.load()
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": self._id, **self._numbers()}]}

    def _numbers(self) -> dict[str, str]:
        from jwt.algorithms import RSAAlgorithm

        key = RSAAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        return {name: key[name] for name in ("n", "e")}


def _new_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_once(path: Path, data: bytes) -> None:
    """Write a private file whole, unless someone else has just done so (two hubs that start at once)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # unlike a rename, it fails when the name is there
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
