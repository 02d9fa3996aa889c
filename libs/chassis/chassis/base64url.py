"""Base64 for addresses and cookies, without padding (RFC 4648 §5)."""

import base64


def encode(raw: bytes) -> str:
    """As text."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """As bytes; `ValueError` for a character that is not in the alphabet, or too few of them."""
    if "+" in text or "/" in text:  # Python takes the usual alphabet's for these too: one token would have many texts
        raise ValueError("+ and / are not in this alphabet")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
