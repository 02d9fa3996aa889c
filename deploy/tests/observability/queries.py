"""What a PromQL expression asks for, and whether somebody measures it."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser
from inspraak_dev.observability import catalogue

from deploy.tests.observability.committed import RULES


@functools.cache
def known() -> Mapping[str, frozenset[str]]:
    """Series -> labels of what the code, others and our own recording rules tell."""
    recorded = {rule["record"]: frozenset(rule["labels"]) for rule in RULES if "record" in rule}
    return catalogue.labels_of() | recorded


def selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    """Every selector of a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for part in ("expr", "lhs", "rhs", "vector_selector", "param"):
        below = getattr(node, part, None)
        if below is not None and not isinstance(below, str):
            yield from selectors(below)
    for below in getattr(node, "args", None) or ():
        yield from selectors(below)


def unknown(expr: str) -> list[str]:
    """What an expression asks for that nobody measures; `ValueError` when it is no PromQL or asks for nothing."""
    found, wrong, series = list(selectors(promql_parser.parse(expr))), [], known()
    if not found:
        raise ValueError(f"asks for nothing: {expr}")
    for selector in found:
        labels = series.get(str(selector.name))
        if labels is None:
            wrong.append(f"no metric {selector.name}")
            continue
        asked = {matcher.name for matcher in selector.matchers.matchers}
        wrong += [f"{selector.name} has no label {label}" for label in sorted(asked - labels - {"__name__"})]
    return wrong
