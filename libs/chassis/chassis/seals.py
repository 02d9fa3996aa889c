"""Sealed bytes: encrypted, and bound to what they are and whose (AES-256-GCM, NIST SP 800-38D)."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
FORMAT = b"\x01"  # AES-256-GCM, random 96-bit nonce first, 128-bit tag last


class BrokenSealError(Exception):
    """The sealed bytes, their associated data or the key are not the ones of the sealing."""


def seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt and authenticate bytes under a key of 32 bytes: 29 bytes longer; at most 2**32 times with one key.

    `aad` is not stored: say in it what the bytes are and whose, so that nothing sealed can pass for another.
    """
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def unseal(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The bytes that were sealed; `BrokenSealError` for other bytes, another key or other associated data."""
    if sealed[:1] != FORMAT:
        raise BrokenSealError("not sealed by this software")
    try:
        return AESGCM(key).decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], aad)
    except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
        raise BrokenSealError("these bytes were not sealed with this key for this place") from error
