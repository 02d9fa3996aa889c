"""Set-Cookie headers. All names begin with `__Host-`: this host only, sent over TLS only, no script reads them.

Browsers take them in development over plain HTTP too, since they trust `*.localhost` (seen with Chromium 156).
"""

ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


def session(name: str, value: str) -> str:
    """A cookie that ends with the browser."""
    return f"{name}={value}; {ATTRIBUTES}"


def lasting(name: str, value: str, *, seconds: int) -> str:
    """A cookie that ends by itself."""
    return f"{name}={value}; Max-Age={seconds}; {ATTRIBUTES}"


def gone(name: str) -> str:
    """Take the cookie away."""
    return f"{name}=; Max-Age=0; {ATTRIBUTES}"
