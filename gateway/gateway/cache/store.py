"""Where kept answers are: bounded in bytes and entries, the one not used for longest goes first."""

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from gateway.cache.policy import Freshness
from gateway.headers import Headers
from gateway.telemetry import CACHE_BYTES

MOST_ENTRIES = 8192
OVERHEAD = 1024  # bytes an entry costs besides its body: key, headers, objects
PASSED_FOR = 5.0

# Government, host as sent (none from within), path with query, language, content coding.
Key = tuple[UUID, bytes, bytes, bytes, bytes]


@dataclass(slots=True)
class Entry:
    """One kept answer. Times are monotonic seconds."""

    status: int
    headers: Headers  # as sent to clients, without Age
    body: bytes
    etag: bytes
    stored: float
    age: float  # that it had when it came
    freshness: Freshness
    varies_by_cookie: bool

    def fresh(self, now: float) -> bool:
        """Whether it may be shown as it is."""
        return now < self.stored + self.freshness.fresh

    def while_renewing(self, now: float) -> bool:
        """Whether it may still be shown while somebody fetches the next (RFC 5861 §3)."""
        return now < self.stored + self.freshness.fresh + self.freshness.while_renewing

    def on_error(self, now: float) -> bool:
        """Whether it may still be shown because the service fails (RFC 5861 §4)."""
        return now < self.stored + self.freshness.fresh + self.freshness.on_error

    @property
    def size(self) -> int:
        """Bytes it costs, about."""
        return len(self.body) + OVERHEAD


class Store:
    """The kept answers, and what was found not to be for keeping."""

    def __init__(self, most_bytes: int, *, most_entries: int = MOST_ENTRIES) -> None:
        self._most_bytes = most_bytes
        self._most_entries = most_entries
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._passed: OrderedDict[Key, float] = OrderedDict()
        self.bytes = 0

    def get(self, key: Key) -> Entry | None:
        """What is kept, fresh or not."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Key, entry: Entry) -> None:
        """Keep an answer, in the place of an older one."""
        self.drop(key)
        if entry.size > self._most_bytes:
            return
        self._entries[key] = entry
        self.bytes += entry.size
        while self.bytes > self._most_bytes or len(self._entries) > self._most_entries:
            _, oldest = self._entries.popitem(last=False)
            self.bytes -= oldest.size
        CACHE_BYTES.set(self.bytes)

    def drop(self, key: Key) -> None:
        """Forget an answer."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry.size

    def passes(self, key: Key, now: float) -> bool:
        """Whether the answer was found not to be for keeping a moment ago: then nobody waits for another's."""
        until = self._passed.get(key)
        return until is not None and now < until

    def pass_on(self, key: Key, now: float) -> None:
        """Remember that an answer is not for keeping."""
        self.drop(key)
        self._passed[key] = now + PASSED_FOR
        self._passed.move_to_end(key)
        if len(self._passed) > self._most_entries:
            self._passed.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)
