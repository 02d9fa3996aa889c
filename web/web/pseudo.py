"""A language that nobody speaks, `qps`: English with accents, two fifths longer. In development and tests only.

Text that comes without accents is not from the catalogue; a page that overflows has no room for German. It is made of
the catalogues' messages at start, so what was never extracted for translation shows.
"""

import gettext as gnu_gettext
import re
from collections.abc import Iterable

TAG = "qps"  # reserved for private use (ISO 639-2)
LONGER = 0.4
ACCENTS = str.maketrans("AEIOUYaeiouyCcNnSs", "ÅÉÎÖÛÝåéîöûýÇçÑñŠš")
KEPT = re.compile(r"(%\(\w+\)s|%[sd]|<[^>]+>|&\w+;)")  # what is filled in, and markup
MORE = "ēxtrå "


class Pseudo(gnu_gettext.NullTranslations):
    """Gives known messages with accents and longer, and unknown ones as they are."""

    def __init__(self, messages: Iterable[str]) -> None:
        super().__init__()
        self._known = {message: pseudo(message) for message in messages}

    def gettext(self, message: str) -> str:
        """The message, accented."""
        return self._known.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The message for a number of things, accented."""
        return self.gettext(msgid1 if n == 1 else msgid2)


def pseudo(text: str) -> str:
    """A text with accents on every vowel and two fifths longer; what is filled into it stays."""
    accented = "".join(part if KEPT.fullmatch(part) else part.translate(ACCENTS) for part in KEPT.split(text))
    more = MORE * len(MORE)
    return f"{accented} {(more * (len(text) // len(more) + 1))[: max(2, round(len(text) * LONGER))].strip()}"
