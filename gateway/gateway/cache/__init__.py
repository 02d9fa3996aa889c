"""A short cache of what everybody may see (RFC 9111, as a shared cache)."""

from gateway.cache.serve import Cache
from gateway.cache.store import Store

__all__ = ["Cache", "Store"]
