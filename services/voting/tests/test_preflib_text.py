"""What is written as a PrefLib file is read back as it was, and counted to the same result."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voting.rules.ballots import Ballot, check_choices
from voting.rules.counting import tally
from voting.rules.preflib import RULES, Election, Kind, parse
from voting.rules.preflib_text import About, Contents, header, line
from voting.rules.terms import Form, Rule, Status, Terms, form_of

FORMS: dict[Rule, Form] = {rule: form_of(rule) for rule in Rule}


def written(ballots: Mapping[Ballot, int], form: Form, names: Sequence[str]) -> tuple[str, str]:
    """A file's content, and its name."""
    contents = Contents(form, len(names))
    for ballot, times in ballots.items():
        contents.add(ballot, times)
    about = About(file_name=f"x.{contents.kind}", title="Het plein", published_on="2026-11-24", names=names)
    lines = [*header(about, contents), *filter(None, (line(b, n, contents) for b, n in ballots.items()))]
    return "\n".join(lines) + "\n", about.file_name


def read_back(ballots: Mapping[Ballot, int], form: Form, names: Sequence[str]) -> Election:
    content, name = written(ballots, form, names)
    return parse(content.encode(), name)


def options(number: int) -> list[str]:
    return [f"Antwoord {n}" for n in range(1, number + 1)]


@st.composite
def polls(draw: st.DrawFn) -> tuple[Rule, int, Counter[Ballot]]:
    """A rule, a number of options, and any ballots that voters may cast, blank ones too."""
    rule = draw(st.sampled_from(Rule))
    number = 2 if rule is Rule.YES_NO else draw(st.integers(2, 5))
    terms = Terms(status=Status.OPEN, rule=rule, options=number, opens_at=None, closes_at=None)
    option = st.integers(1, number)
    choices: dict[Form, st.SearchStrategy[object]] = {
        Form.ONE: st.lists(option, max_size=1),
        Form.SET: st.lists(option, unique=True),
        Form.GRADES: st.dictionaries(option, st.integers(0, 5)).map(lambda grades: [list(p) for p in grades.items()]),
        Form.RANKING: st.dictionaries(option, st.integers(1, 3)).map(
            lambda ranks: [[o for o in ranks if ranks[o] == rank] for rank in sorted(set(ranks.values()))]
        ),
    }
    ballots = st.lists(choices[FORMS[rule]].map(lambda each: check_choices(terms, each)), max_size=12)
    return rule, number, Counter(draw(ballots))


@given(polls())
def test_what_is_written_counts_to_the_same_result_again(poll: tuple[Rule, int, Counter[Ballot]]) -> None:
    rule, number, ballots = poll
    election = read_back(ballots, FORMS[rule], options(number))
    assert election.ballots(rule) == ballots
    for other in RULES[election.kind]:
        if FORMS[other] is FORMS[rule] or (other is Rule.SINGLE and FORMS[rule] is Form.RANKING):
            if other is Rule.YES_NO and number > 2:
                continue
            counted = tally(other, election.ballots(other), tuple(election.names))
            assert counted == tally(other, ballots, range(1, number + 1))


@pytest.mark.parametrize(
    ("ballots", "kind"),
    [
        ({((1,), (2,), (3,)): 2, ((3,), (2,), (1,)): 1}, Kind.SOC),
        ({((1,), (2,), (3,)): 2, ((3,),): 1}, Kind.SOI),
        ({((1, 2), (3,)): 2, ((3,), (2,), (1,)): 1}, Kind.TOC),
        ({((1, 2),): 2, ((3,), (2,), (1,)): 1}, Kind.TOI),
        ({((1,), (2,), (3,)): 2, (): 4}, Kind.SOC),
    ],
)
def test_rankings_are_of_the_narrowest_kind_that_they_fit(ballots: dict[Ballot, int], kind: Kind) -> None:
    assert read_back(ballots, Form.RANKING, options(3)).kind is kind


def test_blank_rankings_stand_in_the_header_where_other_programs_pass_them_by() -> None:
    content, _ = written({((1,), (2,)): 2, (): 3}, Form.RANKING, options(2))
    assert "# NUMBER VOTERS: 2\n# NUMBER UNIQUE ORDERS: 1\n# NUMBER BLANK BALLOTS: 3\n" in content
    assert content.endswith("\n2: 1,2\n")
    assert "BLANK" not in written({((1,), (2,)): 2}, Form.RANKING, options(2))[0]


def test_grades_are_six_categories_the_best_first_and_what_has_no_grade_stands_in_none() -> None:
    content, name = written({((1, 5), (2, 0)): 2, ((2, 3),): 1, (): 4}, Form.GRADES, options(3))
    assert name == "x.cat"
    assert "# CATEGORY NAME 1: 5\n" in content
    assert content.endswith("\n2: 1,{},{},{},{},2\n1: {},{},2,{},{},{}\n4: {},{},{},{},{},{}\n")


def test_a_header_has_the_lines_that_preflib_s_own_files_have() -> None:
    content, _ = written({((2,),): 2, (): 1}, Form.ONE, ["Ja", "Nee"])
    keys = [each[2:].partition(":")[0] for each in content.splitlines() if each.startswith("# ")]
    assert keys == [
        "FILE NAME", "TITLE", "DESCRIPTION", "DATA TYPE", "MODIFICATION TYPE", "RELATES TO", "RELATED FILES",
        "PUBLICATION DATE", "MODIFICATION DATE", "NUMBER ALTERNATIVES", "NUMBER VOTERS", "NUMBER UNIQUE PREFERENCES",
        "NUMBER CATEGORIES", "CATEGORY NAME 1", "CATEGORY NAME 2", "ALTERNATIVE NAME 1", "ALTERNATIVE NAME 2",
    ]  # fmt: skip


@pytest.mark.parametrize("form", list(Form))
def test_a_poll_without_ballots_is_a_file_without_orders(form: Form) -> None:
    election = read_back({}, form, options(2))
    assert election.orders.total() == 0
    assert read_back({(): 7} if form is Form.RANKING else {}, form, options(2)).blank == 7 * (form is Form.RANKING)


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=2, max_size=4), st.text())
def test_whatever_labels_say_each_alternative_has_one_line_and_a_name_of_its_own(labels: list[str], more: str) -> None:
    names = [*labels, f"{labels[0]}\n# NUMBER VOTERS: 9 {more}", labels[0], f"{labels[0]} ({len(labels) + 2})"]
    names = [name.encode(errors="ignore").decode() or "x" for name in names]
    election = read_back({((1,),): 1}, Form.ONE, names)
    assert len(election.names) == len(names)
    assert election.names[1] == " ".join(names[0].split()) or not names[0].strip()
