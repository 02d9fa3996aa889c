"""What a running process holds; every request finds it at `request.app.state.web`."""

from dataclasses import dataclass

from chassis.settings import key_bytes

from web import api, pseudo
from web.assets import Assets
from web.gateway import Gateway
from web.governments import Governments
from web.i18n import LANGUAGES, language, spoken
from web.pages import Pages
from web.seal import Sealer
from web.session import Sessions
from web.settings import Settings


@dataclass
class Web:
    """The parts of web, each made once."""

    settings: Settings
    gateway: Gateway
    sealer: Sealer
    sessions: Sessions
    governments: Governments
    assets: Assets
    pages: Pages
    unspoken: tuple[str, ...]  # languages that only developers and tests ask for

    @classmethod
    def of(cls, settings: Settings) -> "Web":
        """Everything in place, nothing connected yet."""
        gateway = Gateway(
            str(settings.gateway_url),
            settings.internal_key.get_secret_value(),
            seconds=settings.gateway_seconds,
            connections=settings.gateway_connections,
        )
        sealer = Sealer([key_bytes(settings.session_key), *map(key_bytes, settings.old_session_keys)])
        unspoken = () if settings.environment == "production" else (pseudo.TAG,)
        assets = Assets({tag: css_texts(tag) for tag in (*LANGUAGES, *unspoken)})
        pages = Pages(assets, (*LANGUAGES, *unspoken), development=settings.environment == "development")
        return cls(settings, gateway, sealer, Sessions(sealer, gateway), Governments(gateway), assets, pages, unspoken)

    @staticmethod
    def languages(government: api.Government) -> tuple[str, ...]:
        """The languages of a government's pages, its default first."""
        return spoken(government.languages)


def css_texts(tag: str) -> dict[str, str]:
    """The words that the design system's stylesheet holds in Norwegian, in one of our languages."""
    gettext = language(tag).gettext
    return {
        "--dsc-breadcrumbs-label": gettext("You are here:"),
        "--dsc-field-counter-over": gettext("%d characters too many"),
        "--dsc-field-counter-under": gettext("%d characters left"),
    }
