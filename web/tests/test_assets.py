import gzip
import re

from web.assets import BASE, COMPONENTS, LAYERS, STATIC, Assets, minified, site_stylesheet
from web.i18n import LANGUAGES
from web.state import css_texts
from web.theme import stylesheet

TEXTS = {tag: css_texts(tag) for tag in LANGUAGES}
BUDGET = 18 * 1024


def test_all_stylesheets_of_a_page_fit_the_budget():
    sizes = [len(gzip.compress(css.encode(), 9)) for css in (site_stylesheet(TEXTS), stylesheet("#7a1f3d"))]
    assert sum(sizes) <= BUDGET, sizes


def test_the_order_of_the_layers_is_declared_before_any_rule():
    css = site_stylesheet(TEXTS)
    assert css.index(LAYERS) < css.index("@layer ds.")


def test_every_word_in_the_design_system_s_stylesheet_is_said_in_our_languages():
    words = set()
    for name in (*BASE, *COMPONENTS):
        css = (STATIC / "vendor" / "designsystemet" / f"{name}.css").read_text("utf-8")
        words |= set(re.findall(r'(--dsc-[a-z-]+):"[^"]*[A-Za-zæøå]{2}', css))
    assert words
    for tag in LANGUAGES:
        assert css_texts(tag).keys() == words
        assert all(css_texts(tag).values())
    dutch = css_texts("nl")["--dsc-breadcrumbs-label"]
    assert f':lang(nl){{--dsc-breadcrumbs-label:"{dutch}"' in site_stylesheet(TEXTS)


def test_every_component_that_is_used_is_in_the_bundle_and_the_other_way_round():
    vendored = {file.stem for file in (STATIC / "vendor" / "designsystemet").glob("*.css")}
    assert vendored == {*BASE, *COMPONENTS}


def test_the_stylesheet_never_puts_subtle_text_on_an_active_surface():
    own = "".join(file.read_text("utf-8") for file in (STATIC / "css").glob("*.css"))
    assert "surface-active)" not in own
    button = r"data-variant=secondary\].*--dsc-button-color--active: var\(--ds-color-text-default\)"
    assert re.search(button, own), "the design system's pressed secondary button needs another colour"


def test_other_content_has_another_name_and_an_old_name_still_finds_the_file():
    assets = Assets(TEXTS)
    name = assets.url("site.css").removeprefix("/static/")
    asset, current = assets.find(name)
    assert current
    assert gzip.decompress(asset.gzipped) == asset.raw
    asset, current = assets.find("site-0123456789.css")
    assert not current
    assert assets.find("secrets-0123456789.css") is None
    assert assets.find("site.css") is None
    changed = Assets(TEXTS | {"nl": {"--dsc-breadcrumbs-label": "Hier:"}})
    assert changed.url("site.css") != assets.url("site.css")


def test_minifying_keeps_what_means_something():
    assert minified("a  b { color : red ; }\n/* x */ .c:hover, d { margin: 0 auto; }") == (
        "a b{color :red}.c:hover,d{margin:0 auto}"
    )
