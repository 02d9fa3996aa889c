"""The few things that our dashboards ask of Prometheus again and again. A metric is written with its selector."""


def rate(counter: str, by: str = "") -> str:
    """How many a second: `rate('load_shed_total{class="votes"}', "service")`."""
    return f"sum{_by(by)}(rate({counter}[$__rate_interval]))"


def quantile(share: float, histogram: str, selector: str = "", by: str = "le") -> str:
    """Below what this share of a histogram's values stays; `by` names the labels that are kept, `le` among them."""
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket{selector}', by)})"


def largest(gauge: str, by: str = "") -> str:
    """The largest value that any process tells: what each of them measures of the same thing."""
    return f"max{_by(by)}({gauge})"


def _by(labels: str) -> str:
    return f" by ({labels}) " if labels else ""
