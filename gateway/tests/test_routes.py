import pytest
from chassis.refusals import Refused
from gateway.routes import METHODS, Table
from hypothesis import given
from hypothesis import strategies as st

SERVICES = "[services.a]\nin_flight = 4\nwaiting = 4\n[services.b]\nin_flight = 4\nwaiting = 4\n"


def line(prefix: str, service: str, *methods: str, rest: str = "") -> str:
    listed = ", ".join(f'"{method}"' for method in methods or ("GET",))
    return (
        f'[[routes]]\nprefix = "{prefix}"\nservice = "{service}"\nmethods = [{listed}]\nauth = "anonymous"\n'
        f'class = "reads"\ntimeout = 5\nbody_cap = 0\n{rest}\n'
    )


def table(*lines: str, closed: str = "") -> Table:
    return Table.parse(f"closed = [{closed}]\n" + SERVICES + "".join(lines))


def test_the_longest_prefix_wins() -> None:
    made = table(line("/", "a"), line("/api/things", "b"))
    assert made.find("/api/things/7", "GET").service == "b"
    assert made.find("/api/thingsome", "GET").service == "a"


def test_a_star_stands_for_one_segment() -> None:
    made = table(line("/things", "a"), line("/things/*/vote", "b"))
    assert made.find("/things/7/vote", "GET").service == "b"
    assert made.find("/things/7/votes", "GET").service == "a"
    assert made.find("/things/7/8/vote", "GET").service == "a"


def test_a_longer_prefix_for_other_methods_leaves_the_shorter_one_in_force() -> None:
    made = table(line("/things", "a", "GET"), line("/things/*/vote", "b", "PUT"))
    assert made.find("/things/7/vote", "GET").service == "a"
    assert made.find("/things/7/vote", "PUT").service == "b"


def test_a_path_that_takes_other_methods_says_which() -> None:
    with pytest.raises(Refused) as refused:
        table(line("/things", "a", "GET", "PUT")).find("/things", "DELETE")
    assert refused.value.status == 405
    assert set(refused.value.facts["allowed"]) == {"GET", "PUT"}


def test_nothing_answers_where_it_is_closed_unless_a_longer_prefix_does() -> None:
    made = table(line("/", "a"), line("/api/v1/things", "b"), closed='"/api"')
    assert made.find("/api/v1/things", "GET").service == "b"
    for path in ("/api", "/api/v1", "/api/v2/things"):
        with pytest.raises(Refused) as refused:
            made.find(path, "GET")
        assert refused.value.status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        line("/things", "c"),
        line("/things", "a", rest='limit = "none"'),
        line("/things", "a") + line("/things", "b"),
        line("/things", "a", rest="colour = 1"),
        line("/things/*", "a") + line("/things/new", "b"),
        line("things", "a"),
        line("/things", "a").replace("body_cap = 0", "body_cap = 65537"),
        line("/things", "a", rest="held = 1.5"),
    ],
)
def test_a_table_with_a_mistake_is_no_table(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        table(wrong)


segments = st.lists(st.sampled_from(["api", "v1", "polls", "vote", "x", "", "..", "internal"]), max_size=6)


@given(segments, st.sampled_from(METHODS))
def test_no_path_reaches_a_service_below_internal(parts: list[str], method: str) -> None:
    with pytest.raises(Refused):
        Table.load().find("/internal/" + "/".join(parts), method)


def test_the_products_table_reaches_what_the_services_offer() -> None:
    made = Table.load()
    for method, path, service in [
        ("GET", "/api/v1/government", "tenancy"),
        ("GET", "/api/v1/governments", "tenancy"),
        ("POST", "/api/v1/sign-in/codes", "identity"),
        ("POST", "/api/v1/sign-in", "identity"),
        ("POST", "/api/v1/sign-in/refresh", "identity"),
        ("POST", "/api/v1/sign-out", "identity"),
        ("PATCH", "/api/v1/me", "identity"),
        ("PUT", "/api/v1/people/x/roles/moderator", "identity"),
        ("DELETE", "/api/v1/people/x/roles/moderator", "identity"),
        ("GET", "/api/v1/audit", "identity"),
        ("POST", "/api/v1/polls/x/schedule", "voting"),
        ("PUT", "/api/v1/polls/x/vote", "voting"),
        ("GET", "/api/v1/polls/x/ballots.csv", "voting"),
        ("PUT", "/api/v1/subscriptions/polls", "notifications"),
        ("POST", "/api/v1/unsubscribe", "notifications"),
        ("GET", "/nl/polls", "web"),
        ("POST", "/nl/polls/x/cast", "web"),
    ]:
        assert made.find(path, method).service == service, (method, path)


def test_a_vote_goes_before_everything_else_and_reads_come_last() -> None:
    made = Table.load()
    ranks = [
        made.find(path, method).rank
        for method, path in [
            ("PUT", "/api/v1/polls/x/vote"),
            ("POST", "/api/v1/sign-in"),
            ("POST", "/api/v1/polls"),
            ("GET", "/api/v1/polls"),
        ]
    ]
    assert ranks == sorted(set(ranks))


def test_signed_in_people_are_limited_by_account_and_only_visitors_who_write_by_address() -> None:
    made = Table.load()
    for route in made.routes:
        by = made.limits[route.limit].by if route.limit else None
        if route.auth == "anonymous" and by is not None:
            assert "POST" in route.methods
            assert by == "address"
        elif by is not None:
            assert by == "account"
        if route.auth == "required" or (route.api and "POST" in route.methods):
            assert route.limit is not None, route.prefix
