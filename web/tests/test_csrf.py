import pytest
from starlette.datastructures import Headers
from web.csrf import same_origin


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"origin": "http://leuven.localhost:8080", "host": "leuven.localhost:8080"},
        {"origin": "https://inspraak.leuven.be", "host": "inspraak.leuven.be"},
    ],
)
def test_a_form_of_this_host_is_taken(headers):
    assert same_origin(Headers(headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "leuven.localhost"},
        {"sec-fetch-site": "cross-site", "origin": "http://leuven.localhost", "host": "leuven.localhost"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "null", "host": "leuven.localhost"},
        {"origin": "http://gent.localhost:8080", "host": "leuven.localhost:8080"},
        {"origin": "http://leuven.localhost.evil.example", "host": "leuven.localhost"},
        {"origin": "http://leuven.localhost:8081", "host": "leuven.localhost:8080"},
    ],
)
def test_a_form_of_anywhere_else_is_refused(headers):
    assert not same_origin(Headers(headers))
