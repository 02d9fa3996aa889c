"""The routing table: `routes.toml` read, checked and made fast to look up."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from chassis.refusals import Refused
from pydantic import BaseModel, ConfigDict, Field, model_validator

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
METHODS: tuple[Method, ...] = get_args(Method)
CLASSES = ("votes", "login", "writes", "reads")  # most important first; probes stand outside all queues
HELD = 65536  # a body up to this size is read before a service is asked, so that slow clients hold no place there
TABLE = Path(__file__).with_name("routes.toml")

Class = Literal["votes", "login", "writes", "reads"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceEntry(_Strict):
    """What a service may be asked at once, from each listener."""

    in_flight: int = Field(ge=1)
    waiting: int = Field(ge=0)
    cookies: bool = False
    harmless_cookies: tuple[str, ...] = ()  # that change no answer which the service lets others keep
    public_only: bool = False

    def harmless(self, cookies: bytes) -> bool:
        """Whether a Cookie header holds nothing that could be somebody's own."""
        return all(
            cookie.partition(b"=")[0].strip().decode("latin-1") in self.harmless_cookies
            for cookie in cookies.split(b";")
            if cookie.strip()
        )


class Limit(_Strict):
    """A rate with a burst: `burst` at once, then `per_minute`, by account or by client address."""

    by: Literal["account", "address"]
    per_minute: float = Field(gt=0)
    burst: int = Field(ge=1)

    @property
    def interval(self) -> float:
        """Seconds in which one request's worth of room comes back."""
        return 60 / self.per_minute


class Route(_Strict):
    """One line of the table."""

    prefix: str = Field(pattern=r"^/([a-z0-9_.*-]+(/[a-z0-9_.*-]+)*)?$")
    service: str
    methods: tuple[Method, ...] = Field(min_length=1)
    auth: Literal["required", "optional", "anonymous"]
    class_: Class = Field(alias="class")
    limit: str | None = None
    timeout: float = Field(gt=0)
    body_cap: int = Field(ge=0)
    held: bool = False
    cacheable: bool = False

    @cached_property
    def api(self) -> bool:
        """Whether programs ask here, and not browsers for a page."""
        return self.prefix.startswith("/api/")

    @cached_property
    def rank(self) -> int:
        """The class as a number, 0 the most important."""
        return CLASSES.index(self.class_)


class _File(_Strict):
    closed: tuple[str, ...] = ()
    services: dict[str, ServiceEntry]
    limits: dict[str, Limit] = {}
    routes: tuple[Route, ...]

    @model_validator(mode="after")
    def _names_exist(self) -> "_File":
        for route in self.routes:
            if route.service not in self.services:
                raise ValueError(f"{route.prefix}: no service {route.service}")
            if route.limit is not None:
                if route.limit not in self.limits:
                    raise ValueError(f"{route.prefix}: no limit {route.limit}")
                if route.auth == "anonymous" and self.limits[route.limit].by == "account":
                    raise ValueError(f"{route.prefix}: nobody's account is known here")
        return self

    @model_validator(mode="after")
    def _strangers_hold_no_place(self) -> "_File":
        for route in self.routes:
            if route.auth != "required" and route.body_cap > HELD and not route.held:
                raise ValueError(f"{route.prefix}: anybody could hold a place with a body over {HELD}, sent slowly")
        return self


@dataclass(slots=True)
class _Node:
    children: dict[str, "_Node"] = field(default_factory=dict)
    routes: dict[str, Route | None] = field(default_factory=dict)  # by method; None: nothing answers here


class Table:
    """The table. `find` costs a few dictionary look-ups, however many routes there are."""

    def __init__(
        self,
        routes: Iterable[Route],
        *,
        services: dict[str, ServiceEntry],
        limits: dict[str, Limit],
        closed: Iterable[str] = (),
    ) -> None:
        self.routes = tuple(routes)
        self.services = services
        self.limits = limits
        self._root = _Node()
        for prefix in closed:
            self._put(prefix, METHODS, None)
        for route in self.routes:
            self._put(route.prefix, route.methods, route)

    @classmethod
    def load(cls, path: Path = TABLE) -> "Table":
        """The table in a file; `ValueError` (or TOML's own) when it is not one."""
        return cls.parse(path.read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, text: str) -> "Table":
        """The table that a TOML text describes."""
        file = _File.model_validate(tomllib.loads(text))
        return cls(file.routes, services=file.services, limits=file.limits, closed=file.closed)

    def _put(self, prefix: str, methods: Iterable[str], route: Route | None) -> None:
        node = self._root
        for segment in filter(None, prefix.split("/")):
            if segment not in node.children and node.children and "*" in (segment, *node.children):
                raise ValueError(f"{prefix}: `*` and a name side by side would make the look-up go back")
            node = node.children.setdefault(segment, _Node())
        for method in methods:
            if node.routes.get(method) is not None:
                raise ValueError(f"two routes for {method} {prefix}")
            node.routes[method] = route

    def find(self, path: str, method: str) -> Route:
        """The route with the longest prefix of a decoded path that takes the method.

        Raises:
            Refused: 404 where nothing answers, 405 with the methods that would.
        """
        segments = path.split("/")[1:]
        route: Route | None = None
        for node in _along(self._root, segments):
            if method in node.routes:
                route = node.routes[method]
        if route is None:
            raise self._refusal(segments)
        return route

    def _refusal(self, segments: list[str]) -> Refused:
        last: dict[str, Route | None] = {}
        for node in _along(self._root, segments):
            last = last | node.routes
        allowed = [method for method, route in last.items() if route is not None]
        if not allowed:
            return Refused("not_found", status=404)
        return Refused("method_not_allowed", status=405, allowed=allowed)

    def known(self, path: str, method: str) -> Route | None:
        """The route of a path of an OpenAPI document, where `{poll_id}` may stand for any segment."""
        try:
            return self.find(path, method)
        except Refused:
            return None


def _along(root: _Node, segments: list[str]) -> Iterator[_Node]:
    """The nodes from the root towards a path, shortest prefix first; a named segment goes before `*`."""
    yield root
    node = root
    for segment in segments:
        further = node.children.get(segment) or node.children.get("*")
        if further is None:
            return
        node = further
        yield node
