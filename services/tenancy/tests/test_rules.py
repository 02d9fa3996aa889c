"""What a government may be called and where it may be reached."""

import csv
from pathlib import Path

import pytest
from chassis.refusals import Refused
from hypothesis import given
from hypothesis import strategies as st
from tenancy import rules

REAL = Path(__file__).parents[4] / "shared" / "data" / "flanders" / "municipalities.csv"


@pytest.mark.parametrize("slug", ["leuven", "sint-niklaas", "a", "x" * 63, "9000-gent"])
def test_a_slug_that_fits_in_a_host_name_is_taken(slug):
    rules.check_slug(slug)


@pytest.mark.parametrize("slug", ["", "-a", "a-", "a--b", "Leuven", "x" * 64, "a.b", "leuven\n", "é"])
def test_a_slug_that_does_not_fit_in_a_host_name_is_refused(slug):
    with pytest.raises(Refused, match="bad_slug"):
        rules.check_slug(slug)


@pytest.mark.parametrize("host", ["Leuven.be", "leuven.be:8080", "-a.be", "a..be", "", "a" * 64 + ".be", "leuven.be\n"])
def test_what_is_no_host_name_is_refused(host):
    with pytest.raises(Refused, match="bad_host"):
        rules.check_hosts([host])


def test_a_government_needs_a_host_and_a_name_in_its_default_language():
    with pytest.raises(Refused, match="host_missing"):
        rules.check_hosts([])
    with pytest.raises(Refused, match="name_missing"):
        rules.check_languages(["fr", "nl"], {"nl": "Leuven"})


@pytest.mark.parametrize("languages", [[], ["nl", "nl"], ["xx"]])
def test_languages_are_known_and_named_once(languages):
    with pytest.raises(Refused, match="bad_languages"):
        rules.check_languages(languages, {"nl": "Leuven"})


@given(st.integers(min_value=0, max_value=19_999_999))
def test_of_all_hundred_endings_a_kbo_number_has_exactly_one(first_eight):
    taken = []
    for ending in range(100):
        number = f"{first_eight:08d}{ending:02d}"
        try:
            rules.check_kbo_number(number)
        except Refused:
            continue
        taken.append(number)
    assert len(taken) == 1


def test_every_real_municipality_passes():
    if not REAL.exists():
        pytest.skip("the register of municipalities is not beside this checkout")
    with REAL.open(encoding="utf-8") as file:
        numbers = [row["kbo_number"] for row in csv.DictReader(file)]
    assert len(numbers) == 285
    for number in numbers:
        rules.check_kbo_number(number)
