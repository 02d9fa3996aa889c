"""Sealed cookies: what the browser keeps for us and can neither read nor change.

AES-256-GCM with keys derived from the session key, one per kind of cookie and government, so that no cookie passes for
another kind or at another government (NIST SP 800-38D; HKDF, RFC 5869). Several replicas with the same key read one
another's cookies.
"""

import hmac
import secrets
import time
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from chassis import base64url
from chassis.seals import BrokenSealError, seal, unseal
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
MASK_BYTES = 8
LONGEST = 4096  # characters of one cookie that browsers keep (RFC 6265 §6.1)


class Sealer:
    """Seals and opens JSON values. `keys`: the current one first, then old ones that still open."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def seal(self, kind: str, tenant: UUID, value: Any, *, seconds: int) -> str:
        """The value as a cookie's text that opens for `seconds` from now."""
        content = orjson.dumps([int(time.time()) + seconds, value])
        sealed = seal(_key(self._keys[0], kind, tenant), content, _place(kind, tenant))
        return base64url.encode(sealed)

    def open(self, kind: str, tenant: UUID, text: str | None) -> Any | None:
        """The value that was sealed, or nothing: none, too old, changed, of another kind, government or key."""
        if not text or len(text) > LONGEST:
            return None
        try:
            sealed = base64url.decode(text)
        except ValueError:
            return None
        for key in self._keys:
            try:
                content = unseal(_key(key, kind, tenant), sealed, _place(kind, tenant))
            except BrokenSealError:
                continue
            until, value = orjson.loads(content)
            return value if time.time() < until else None
        return None

    def form_token(self, session_id: str, tenant: UUID) -> str:
        """A token that binds a form to a session; masked anew each time, so that compression reveals nothing."""
        mask = secrets.token_hex(MASK_BYTES)
        return mask + self._tag(self._keys[0], session_id, tenant, mask)

    def form_token_fits(self, token: str, session_id: str, tenant: UUID) -> bool:
        """Whether the token was made for this session."""
        mask, tag = token[: 2 * MASK_BYTES], token[2 * MASK_BYTES :]
        return any(
            hmac.compare_digest(self._tag(key, session_id, tenant, mask).encode(), tag.encode()) for key in self._keys
        )

    @staticmethod
    def _tag(key: bytes, session_id: str, tenant: UUID, mask: str) -> str:
        message = f"{mask}|{session_id}".encode()
        return hmac.new(_key(key, "form", tenant), message, sha256).hexdigest()[:32]


@lru_cache(maxsize=4096)
def _key(key: bytes, kind: str, tenant: UUID) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=_place(kind, tenant)).derive(key)


def _place(kind: str, tenant: UUID) -> bytes:
    return b"inspraak web " + kind.encode() + b" " + tenant.bytes
