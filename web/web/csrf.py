"""Whether a form was sent from a page of the same host; the second guard, beside the form's token.

Every browser since 2023 says with each request where it comes from (Fetch Metadata, `Sec-Fetch-Site`); older ones send
`Origin` with every POST (RFC 6454). What says neither is no browser that a person votes with.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers


def same_origin(headers: Headers) -> bool:
    """Whether the request comes from a page of the host that it goes to."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host")
