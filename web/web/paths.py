"""Addresses to come back to: only ones of this host, so that no link leads from here to a stranger's page."""

from urllib.parse import urlsplit

LONGEST = 500


def local(path: str | None) -> str | None:
    """The path if it is one of this host, else nothing."""
    if not path or len(path) > LONGEST or not path.startswith("/") or not path.isprintable():
        return None
    # Browsers read a backslash as a slash, and two slashes as another host.
    if path.startswith(("//", "/\\")) or "\\" in path:
        return None
    parts = urlsplit(path)
    return path if not parts.scheme and not parts.netloc else None
