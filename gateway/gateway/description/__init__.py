"""What the API is, told by the services themselves: one OpenAPI document and a page that shows it."""

from gateway.description.collect import Description
from gateway.description.merge import merge

__all__ = ["Description", "merge"]
