"""The files that pages load. Names carry a hash of the content: kept for ever where it fits, shortly where not."""

from starlette.requests import Request
from starlette.responses import Response

from web import theme as themes
from web.assets import Asset
from web.gateway import GatewayError
from web.i18n import pick
from web.state import Web

FOR_EVER = "public, max-age=31536000, immutable"
SHORTLY = "public, max-age=60"
MISSING = Response(status_code=404, headers={"cache-control": "public, max-age=10"})
ROBOTS = "User-agent: *\nDisallow: /*/account\nDisallow: /*/sign-in\nDisallow: /language/\n"


async def static(request: Request) -> Response:
    """A file that all governments share."""
    web: Web = request.app.state.web
    found = web.assets.find(request.path_params["name"])
    if found is None:
        return MISSING
    asset, current = found
    return _sent(request, asset, FOR_EVER if current else SHORTLY)


async def theme(request: Request) -> Response:
    """A government's stylesheet or icon; the name in the address is decoration, the host says whose it is."""
    web: Web = request.app.state.web
    try:
        government = await web.governments.of(request.state.tenant_id, request.state.client)
    except GatewayError:
        return Response(status_code=503, headers={"retry-after": "5", "cache-control": "no-store"})
    colour = government.colour
    name = pick(government.names, "", web.languages(government)[0]).text
    assets = (
        Asset("theme", "css", themes.stylesheet(colour)),
        Asset("icon", "svg", themes.icon(colour, (name[:1] or "?").upper())),
    )
    asked = request.path_params["name"]
    for asset in assets:
        if asked.startswith(f"{asset.stem}-") and asked.endswith(f".{asset.extension}"):
            return _sent(request, asset, FOR_EVER if asked == asset.name else SHORTLY)
    return MISSING


async def preview(request: Request) -> Response:
    """The stylesheet of a colour that an administrator tries out. There are many colours, so no cache is filled."""
    asset = Asset("preview", "css", themes.preview(f"#{request.path_params['colour']}"))
    return _sent(request, asset, "private, max-age=3600")


async def robots(_: Request) -> Response:
    """What search engines leave alone."""
    return Response(ROBOTS, media_type="text/plain", headers={"cache-control": "public, max-age=3600"})


def _sent(request: Request, asset: Asset, cache: str) -> Response:
    headers = {"cache-control": cache, "vary": "accept-encoding", "x-content-type-options": "nosniff"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.gzipped, headers=headers | {"content-encoding": "gzip"}, media_type=asset.media_type)
    return Response(asset.raw, headers=headers, media_type=asset.media_type)
