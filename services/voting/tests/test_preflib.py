import contextlib
import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voting.rules.ballots import Ballot
from voting.rules.preflib import MOST_COMPARED, Kind, PrefLibError, parse
from voting.rules.terms import Rule

TOI = """\
# FILE NAME: 1.toi
# TITLE: Lunch, the second
# DATA TYPE: toi
# NUMBER ALTERNATIVES: 3
# NUMBER VOTERS: 6
# NUMBER UNIQUE ORDERS: 3
# ALTERNATIVE NAME 1: Soup: hot
# ALTERNATIVE NAME 2: Crème brûlée
# ALTERNATIVE NAME 3: Bread
3: 1,2,3
2: {3, 1} , 2
1: 2
"""
CAT = """\
# TITLE: Two categories
# DATA TYPE: cat
# NUMBER ALTERNATIVES: 3
# NUMBER VOTERS: 7
# NUMBER UNIQUE PREFERENCES: 4
# NUMBER CATEGORIES: 2
# CATEGORY NAME 1: Yes
# CATEGORY NAME 2: No
# ALTERNATIVE NAME 1: A
# ALTERNATIVE NAME 2: B
# ALTERNATIVE NAME 3: C
3: 1,{2,3}
2: {3,1},2
1: {},{1,2,3}
1: 1,2
"""


def test_a_file_of_orders_is_read_with_its_names_and_counts() -> None:
    election = parse(TOI.encode(), "somewhere/1.toi")
    assert election.kind is Kind.TOI
    assert election.title == "Lunch, the second"
    assert election.names == {1: "Soup: hot", 2: "Crème brûlée", 3: "Bread"}
    assert election.orders == {((1,), (2,), (3,)): 3, ((1, 3), (2,)): 2, ((2,),): 1}
    assert election.ballots(Rule.IRV) == election.orders


def test_the_first_category_approves_and_need_not_hold_anything() -> None:
    election = parse(CAT.encode(), "2.cat")
    assert election.categories == ("Yes", "No")
    assert election.ballots(Rule.APPROVAL) == {((1,),): 4, ((1,), (3,)): 2, (): 1}


GRADES = """\
# DATA TYPE: cat
# NUMBER ALTERNATIVES: 2
# NUMBER VOTERS: 4
# NUMBER UNIQUE PREFERENCES: 3
# NUMBER CATEGORIES: 6
# CATEGORY NAME 1: Excellent
# CATEGORY NAME 2: Very good
# CATEGORY NAME 3: Good
# CATEGORY NAME 4: Acceptable
# CATEGORY NAME 5: Poor
# CATEGORY NAME 6: Reject
# ALTERNATIVE NAME 1: A
# ALTERNATIVE NAME 2: B
2: 1,{},{},{},{},2
1: {},{1,2},{},{},{},{}
1: {},{},{},{},{},{}
"""
NUMBERED = re.sub(r"(CATEGORY NAME ([1-6])): .*", lambda found: f"{found[1]}: {int(found[2]) - 1}", GRADES)


@pytest.mark.parametrize("rule", [Rule.SCORE, Rule.MAJORITY_JUDGMENT])
def test_six_categories_are_grades_the_best_first_unless_they_are_called_by_the_grades(rule: Rule) -> None:
    best_first = parse(GRADES.encode(), "1.cat").ballots(rule)
    assert best_first == {((1, 5), (2, 0)): 2, ((1, 4), (2, 4)): 1, (): 1}
    called = parse(NUMBERED.encode(), "1.cat").ballots(rule)
    assert called == {((1, 0), (2, 5)): 2, ((1, 1), (2, 1)): 1, (): 1}


def test_categories_whose_numbers_do_not_say_which_is_the_best_are_no_grades() -> None:
    mixed = re.sub(r"(CATEGORY NAME ([1-6])): .*", r"\1: \2", GRADES)
    with pytest.raises(PrefLibError, match="not the grades 0 to 5: which is the best cannot be known") as error:
        parse(mixed.encode(), "1.cat").ballots(Rule.SCORE)
    assert error.value.line == 1
    with pytest.raises(PrefLibError, match="2 categories; the rule score asks for 6, a grade each"):
        parse(CAT.encode(), "1.cat").ballots(Rule.SCORE)


def test_where_a_voter_has_one_vote_the_first_category_holds_one_alternative() -> None:
    one = parse(CAT.replace("2: {3,1},2", "2: 3,{1,2}").encode(), "1.cat")
    assert one.ballots(Rule.SINGLE) == {((1,),): 4, ((3,),): 2, (): 1}
    with pytest.raises(PrefLibError, match="2 alternatives stand in the first category of one voter"):
        parse(CAT.encode(), "1.cat").ballots(Rule.SINGLE)
    with pytest.raises(PrefLibError, match="3 alternatives; the rule yes_no asks for two"):
        one.ballots(Rule.YES_NO)


def test_blank_ballots_of_rankings_may_stand_in_the_header() -> None:
    content = TOI.replace("# ALTERNATIVE NAME 1", "# NUMBER BLANK BALLOTS: 4\n# ALTERNATIVE NAME 1")
    election = parse(content.encode(), "1.toi")
    assert election.ballots(Rule.IRV) == election.orders + Counter({(): 4})


@pytest.mark.parametrize(
    "edit", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text, lambda t: t + "\n \n"]
)
def test_windows_line_ends_a_byte_order_mark_and_blank_lines_at_the_end_are_fine(edit: Callable[[str], str]) -> None:
    assert parse(edit(TOI).encode(), "1.TOI") == parse(TOI.encode(), "1.toi")


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("3: 1,2,3", "-3: 1,2,3", 10, "not a number of voters (1 or more): -3"),
        ("3: 1,2,3", "0: 1,2,3", 10, "not a number of voters (1 or more): 0"),
        ("3: 1,2,3", "3.0: 1,2,3", 10, "not a number of voters (1 or more): 3.0"),
        ("3: 1,2,3", ": 1,2,3", 10, "not a number of voters (1 or more): empty"),
        ("3: 1,2,3", "1,2,3", 10, "not `count: order`"),
        ("3: 1,2,3", "3: 1,2,4", 10, "no alternative has the number 4"),
        ("3: 1,2,3", "3: 0,1", 10, "no alternative has the number 0"),
        ("3: 1,2,3", "3: 1,2,1", 10, "alternative 1 stands twice in one order"),
        ("3: 1,2,3", "3: 1,{2,2}", 10, "alternative 2 stands twice in one order"),
        ("3: 1,2,3", "3: 1,,2", 10, "not an order: 1,,2"),
        ("3: 1,2,3", "3: 1,2,", 10, "not an order: 1,2,"),
        ("3: 1,2,3", "3:", 10, "not an order: empty"),
        ("3: 1,2,3", "3: {1,2", 10, "not an order: {1,2"),
        ("3: 1,2,3", "3: {1,{2}}", 10, "not an order: {1,{2}}"),
        ("3: 1,2,3", "3: 1}2", 10, "not an order: 1}2"),
        ("3: 1,2,3", "3: {},1", 10, "an empty rank: {}"),
        ("3: 1,2,3", "3: {1,},2", 10, "not the number of an alternative: empty"),
        ("3: 1,2,3", "3: 1,x", 10, "not the number of an alternative: x"),
        ("3: 1,2,3", "3: \u0661", 10, "not the number of an alternative: \u0661"),
        ("1: 2\n", "1: {1,3},2\n", 12, "the same preference stands already on line 11"),
        ("1: 2\n", "# TITLE: late\n", 12, "a header line among the orders"),
        ("3: 1,2,3", "\n3: 1,2,3", 10, "not `count: order`"),
        ("1: 2\n", "2: 2\n", 5, "NUMBER VOTERS is 6, but the lines below add up to 7"),
        ("ORDERS: 3", "ORDERS: 4", 6, "NUMBER UNIQUE ORDERS is 4, but the lines below add up to 3"),
        ("ALTERNATIVES: 3", "ALTERNATIVES: 4", 4, "NUMBER ALTERNATIVES is 4, but 3 have a name"),
        ("ALTERNATIVES: 3", "ALTERNATIVES: many", 4, "NUMBER ALTERNATIVES is not a number: many"),
        ("ALTERNATIVES: 3", "ALTERNATIVES:", 4, "NUMBER ALTERNATIVES is not a number: empty"),
        ("# NUMBER VOTERS: 6\n", "", None, "the header has no NUMBER VOTERS"),
        ("NAME 3: Bread", "NAME 4: Bread", 9, "no ALTERNATIVE NAME 3, but a 4"),
        ("NAME 3: Bread", "NAME 04: Bread", 4, "NUMBER ALTERNATIVES is 3, but 2 have a name"),
        ("# TITLE: Lunch, the second", "#  : Lunch", 2, "a header line reads `# KEY: value`"),
        ("3: 1,2,3", f"3: {'x' * 61}", 10, f"not the number of an alternative: {'x' * 60}…"),
        ("NAME 3: Bread", "NAME 3: Soup: hot", 9, "alternative 1 has the same name: Soup: hot"),
        ("NAME 3: Bread", "NAME 3:", 9, "ALTERNATIVE NAME 3 is empty"),
        ("NAME 3: Bread", "NAME 2: Bread", 9, "ALTERNATIVE NAME 2 stands already on line 8"),
        ("# TITLE: Lunch, the second", "# Lunch", 2, "a header line reads `# KEY: value`"),
        ("DATA TYPE: toi", "DATA TYPE: soi", 3, "DATA TYPE is soi, but the file's name ends in .toi"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, line: int | None, reason: str) -> None:
    assert old in TOI
    with pytest.raises(PrefLibError) as error:
        parse(TOI.replace(old, new, 1).encode(), "1.toi")
    assert (error.value.line, error.value.reason) == (line, reason)


MANY = 1_000_000


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("# TITLE: Lunch, the second", f"#{' ' * MANY}Lunch", 2, "a header line reads `# KEY: value`"),
        ("# TITLE: Lunch, the second", f"# TITLE{' ' * MANY}of lunch", 2, "a header line reads `# KEY: value`"),
        ("3: 1,2,3", f"3: 1{' ' * MANY}2", 10, "not the number of an alternative: 1" + " " * 59 + "…"),
        ("3: 1,2,3", f"3: 1{' ' * MANY},4", 10, "no alternative has the number 4"),
        ("3: 1,2,3", f"3{' ' * MANY}x: 1", 10, "not a number of voters (1 or more): 3" + " " * 59 + "…"),
        ("3: 1,2,3", "3: " + "{" * MANY, 10, "not an order: " + "{" * 60 + "…"),
        ("3: 1,2,3", "3: " + "1," * MANY + "1", 10, "alternative 1 stands twice in one order"),
        (
            "DATA TYPE: toi",
            "DATA TYPE: " + "x" * MANY,
            3,
            f"DATA TYPE is {'x' * 60}…, but the file's name ends in .toi",
        ),
    ],
    ids=["spaces", "spaces in a key", "spaces in an order", "spaces at a comma", "spaces in a count", "{", "1", "x"],
)
def test_a_line_of_a_million_characters_is_read_once_and_its_fault_is_said_in_few(
    old: str, new: str, line: int, reason: str
) -> None:
    with pytest.raises(PrefLibError) as error:
        parse(TOI.replace(old, new, 1).encode(), "1.toi")
    assert (error.value.line, error.value.reason) == (line, reason)


def test_spaces_around_the_marks_of_an_order_mean_nothing_however_many() -> None:
    spaces = " " * MANY
    content = TOI.replace("2: {3, 1} , 2", f"2{spaces}:{spaces}{{{spaces}3{spaces},{spaces}1}}{spaces},2")
    assert parse(content.encode(), "1.toi") == parse(TOI.encode(), "1.toi")


def wide(alternatives: int) -> bytes:
    """An election in which one voter ranks so many alternatives."""
    head = f"# DATA TYPE: soc\n# NUMBER ALTERNATIVES: {alternatives}\n# NUMBER VOTERS: 1\n# NUMBER UNIQUE ORDERS: 1\n"
    numbers = range(1, alternatives + 1)
    names = "".join(f"# ALTERNATIVE NAME {number}: a{number}\n" for number in numbers)
    return f"{head}{names}1: {','.join(map(str, numbers))}\n".encode()


def test_more_alternatives_than_can_be_compared_are_refused_by_schulze_alone() -> None:
    assert parse(wide(MOST_COMPARED), "1.soc").ballots(Rule.SCHULZE)
    wider = parse(wide(MOST_COMPARED + 1), "1.soc")
    assert wider.ballots(Rule.IRV) == wider.ballots(Rule.SINGLE) == wider.orders
    with pytest.raises(PrefLibError) as error:
        wider.ballots(Rule.SCHULZE)
    said = "1001 alternatives; the rule schulze compares each with each, and at most 1000"
    assert (error.value.line, error.value.reason) == (2, said)


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("3: 1,{2,3}", "3: 1,2,3", 12, "3 groups for 2 categories"),
        ("3: 1,{2,3}", "3: {1,2}", 12, "1 groups for 2 categories"),
        ("# CATEGORY NAME 2: No\n", "", 6, "NUMBER CATEGORIES is 2, but 1 have a name"),
        ("PREFERENCES: 4", "PREFERENCES: 5", 5, "NUMBER UNIQUE PREFERENCES is 5, but the lines below add up to 4"),
    ],
)
def test_what_is_wrong_with_categories_is_said_with_its_line(old: str, new: str, line: int, reason: str) -> None:
    with pytest.raises(PrefLibError) as error:
        parse(CAT.replace(old, new, 1).encode(), "2.cat")
    assert (error.value.line, error.value.reason) == (line, reason)


@pytest.mark.parametrize("kind", ["soc", "soi"])
def test_strict_orders_hold_no_ties(kind: str) -> None:
    with pytest.raises(PrefLibError, match="a tie, in a file of") as error:
        parse(TOI.replace("toi", kind).encode(), f"1.{kind}")
    assert error.value.line == 11


def test_complete_orders_name_every_alternative() -> None:
    with pytest.raises(PrefLibError, match="1 of 3 alternatives, in a file of complete orders with ties") as error:
        parse(TOI.replace("toi", "toc").encode(), "1.toc")
    assert error.value.line == 12


@pytest.mark.parametrize(
    ("content", "name", "line", "reason"),
    [
        (b"", "1.toi", None, "the file is empty"),
        (b" \n\n", "1.toi", None, "the file is empty"),
        (b"3\n1,A\n", "1.toi", 1, "no header: a PrefLib file begins with lines like `# TITLE: …`"),
        (TOI[: TOI.index("3: 1")].encode(), "1.toi", 9, "the file ends after its header: it has no orders"),
        (TOI.encode().replace(b"Bread", b"Br\xe9ad"), "1.toi", 9, "byte 25 of the line is not UTF-8"),
        (b"\xff\xfe#\x00", "1.toi", 1, "byte 1 of the line is not UTF-8"),
        (
            TOI.encode(),
            "1.csv",
            None,
            "not a kind of file that can be counted: it must end in .soc, .soi, .toc, .toi, .cat",
        ),
        (
            TOI.encode(),
            "1",
            None,
            "not a kind of file that can be counted: it must end in .soc, .soi, .toc, .toi, .cat",
        ),
    ],
)
def test_what_is_no_such_file_at_all_is_said_too(content: bytes, name: str, line: int | None, reason: str) -> None:
    with pytest.raises(PrefLibError) as error:
        parse(content, name)
    assert (error.value.line, error.value.reason) == (line, reason)


@pytest.mark.parametrize(
    ("text", "name", "rule", "needs"),
    [(TOI, "1.toi", Rule.APPROVAL, ".cat"), (CAT, "2.cat", Rule.IRV, ".soc or .soi or .toc or .toi")],
)
def test_a_rule_that_does_not_fit_the_file_is_said_with_the_kind_it_needs(
    text: str, name: str, rule: Rule, needs: str
) -> None:
    with pytest.raises(PrefLibError) as error:
        parse(text.encode(), name).ballots(rule)
    assert error.value.reason.endswith(f"it needs {needs}")
    assert error.value.line == 1 + text[: text.index("# DATA TYPE")].count("\n")


@given(
    st.dictionaries(
        st.permutations([1, 2, 3]).map(lambda order: tuple((o,) for o in order)), st.integers(1, 99), min_size=1
    )
)
def test_a_file_that_is_written_out_is_read_back(orders: dict[Ballot, int]) -> None:
    head = TOI[: TOI.index("3: 1")].replace("VOTERS: 6", f"VOTERS: {sum(orders.values())}")
    head = head.replace("ORDERS: 3", f"ORDERS: {len(orders)}").replace("toi", "soc")
    lines = [f"{count}: {','.join(str(o) for (o,) in order)}" for order, count in orders.items()]
    assert parse((head + "\n".join(lines)).encode(), "1.soc").orders == orders


@given(st.binary(max_size=80), st.integers(0, len(TOI)))
def test_whatever_the_bytes_a_file_is_read_or_said_to_be_wrong(noise: bytes, at: int) -> None:
    content = TOI.encode()
    for text in (noise, content[:at] + noise + content[at:]):
        with contextlib.suppress(PrefLibError):
            assert parse(text, "1.toi").orders.total() > 0
