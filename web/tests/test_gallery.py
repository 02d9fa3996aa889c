"""The gallery shows every macro, and only developers see it."""

import re
from pathlib import Path

import aiohttp
import pytest
from jinja2 import Environment, nodes
from pydantic import AnyHttpUrl
from web.app import create_app
from web.gallery import COLOURS, PATH
from web.gallery_officials import OFFICIALS
from web.pages import TEMPLATES
from web.settings import Settings

from .conftest import Browser, serving


def macros_of(folder: Path) -> set[str]:
    """Every macro of the components, as `file.macro`."""
    parse = Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse
    return {
        f"{file.stem}.{macro.name}"
        for file in sorted(folder.glob("*.html"))
        for macro in parse(file.read_text("utf-8")).find_all(nodes.Macro)
    }


def without_a_specimen(page: str, folder: Path) -> set[str]:
    return macros_of(folder) - set(re.findall(r'data-macro="([^"]+)"', page))


@pytest.fixture
async def developer(running, gateway):
    """A browser at a web in development."""
    settings = Settings(environment="development", gateway_url=AnyHttpUrl(running.gateway), gateway_seconds=1.0)
    async with (
        serving(create_app(settings)) as address,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
    ):
        yield Browser(address, client, tenant=gateway.tenant, strict=False)


async def test_every_macro_of_every_component_has_a_specimen_in_the_gallery(developer, tmp_path):
    pages = [await developer.get(path) for path in (PATH, OFFICIALS)]
    assert [page.status for page in pages] == [200, 200]
    shown = "".join(page.text for page in pages)
    assert len(macros_of(TEMPLATES / "components")) > 50
    assert without_a_specimen(shown, TEMPLATES / "components") == set()
    (tmp_path / "ui.html").write_text("{% macro brand_new(words) %}{{ words }}{% endmacro %}")
    assert without_a_specimen(shown, tmp_path) == {"ui.brand_new"}


async def test_the_gallery_is_in_the_colour_that_is_asked_for(developer):
    for colour in COLOURS:
        page = await developer.get(f"/_gallery?colour={colour}")
        assert f'href="/_gallery/{colour}.css"' in page.text
        assert f"--ds-color-primary-base-default:#{colour}" in (await developer.get(f"/_gallery/{colour}.css")).text
    assert 'href="/_gallery/7a1f3d.css"' in (await developer.get("/_gallery?colour=%22%3E")).text
    assert (await developer.get("/_gallery/red.css")).status == 404


async def test_outside_development_there_is_no_gallery(browser):
    assert (await browser.get("/_gallery")).status == 404
    assert (await browser.get("/_gallery/7a1f3d.css")).status == 404
    assert "_gallery" not in (await browser.get("/nl/")).text
