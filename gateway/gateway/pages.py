"""The few pages that the gateway shows itself when web cannot: no script, nothing to load, the visitor's language."""

import tomllib
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path

from gateway.cache.policy import language
from gateway.governments import Government
from gateway.headers import Headers, joined

STYLE = (
    "body{margin:0 auto;max-width:40rem;padding:2rem 1rem;font:1.125rem/1.6 system-ui,sans-serif}"
    ":root{color-scheme:light dark}"
)
STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
HEADERS: Headers = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'".encode(),
    ),
]
LANGUAGES = ("nl", "fr", "de", "en")
TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
KINDS = {404: "nowhere", 413: "large", 429: "busy", 503: "busy", 502: "unknown", 504: "unknown", 500: "unknown"}


def wanted(path: str, headers: Headers) -> bool:
    """Whether a person looks: a browser that asks for a page, not a program that asks the API."""
    return not path.startswith("/api/") and b"text/html" in (joined(headers, b"accept") or b"")


def page(
    status: int, headers: Headers, *, seconds: int | None, again: bool, government: Government | None = None
) -> bytes:
    """A page that says what happened and whom to ask. `again`: a link that asks the same address once more makes sense.

    `government` is whose address was asked, where that is known.
    """
    tag = language(joined(headers, b"accept-language"), LANGUAGES).decode()
    words = TEXTS[KINDS.get(status, "other")][tag]
    title, text = escape(words["title"]), escape(words["text"].format(seconds=seconds))
    link = f'<p><a href="">{escape(TEXTS["again"][tag])}</a></p>' if again else ""
    return (
        f'<!doctype html><html lang="{tag}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><main><h1>{title}</h1><p>{text}</p>{link}{_contact(tag, government)}</main></body></html>"
    ).encode()


def _contact(tag: str, government: Government | None) -> str:
    """Whom to ask: the government, by mail."""
    if government is None or not government.contact_email:
        return ""
    name, address = escape(government.name(tag)), escape(government.contact_email)
    return f'<p>{escape(TEXTS["questions"][tag])} {name}, <a href="mailto:{address}">{address}</a></p>'
