"""How often somebody may ask (docs/adr/0004): by account, or by address where nobody can be signed in."""

from gateway.limits.limiter import Limiter

__all__ = ["Limiter"]
