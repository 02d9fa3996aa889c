"""`burlington.json` is what voting answers for the Burlington mayoral election of 2009 (PrefLib 00005-00000002)."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from web.grades import scale
from web.i18n import Text, language
from web.results import ResultView

from web import api

BURLINGTON = json.loads((Path(__file__).parent / "burlington.json").read_text("utf-8"))
NAMES = {1: "Kiss", 2: "Montroll", 3: "Simpson", 4: "Smith", 5: "Wright", 6: "Write-In"}
DUTCH = language("nl")


def view(result, names=NAMES, lang=DUTCH):
    grades = scale(result["results"][0]["rule"], lang)
    by_number = {grade.number: grade.label for grade in grades}
    label = lambda number: Text(names[number], lang.tag)  # noqa: E731
    poll = SimpleNamespace(label=label, scale=grades, grade=by_number.__getitem__)
    return ResultView(api.Result.model_validate(result), poll, lang)


def counted(rule, *, totals, winners, ranking, facts, ballots=100, blank=0):
    rounds = [{"round": 1, "totals": totals, "exhausted": 0, "eliminated": []}]
    one = {"rule": rule, "winners": winners, "tied": len(winners) > 1, "ranking": ranking, "rounds": rounds}
    return {"poll_id": BURLINGTON["poll_id"], "ballots": ballots, "blank": blank, "results": [one | {"facts": facts}]}


def plain(sentence):
    return sentence.striptags()


def test_instant_runoff_is_told_by_its_last_round():
    own = view(BURLINGTON).own
    assert [plain(sentence) for sentence in own.sentences] == [
        "Kiss wint met 4.314 van de 8.378 stemmen: meer dan de helft."
    ]
    assert [(bar.label.text, bar.figure, bar.won) for bar in own.bars] == [
        ("Kiss", "4.314", True),
        ("Wright", "4.064", False),
    ]
    assert own.bars[0].percent == 100
    assert [row.label.text for row in own.rows] == ["Kiss", "Wright", "Montroll", "Smith", "Write-In", "Simpson"]
    assert (own.rows[0].share, own.rows[2].share) == ("51,5%", "–")


def test_rounds_say_who_drops_out_and_how_many_ballots_are_exhausted():
    grid = view(BURLINGTON).own.rounds
    assert [column.text for column in grid.columns] == [f"Ronde {number}" for number in range(1, 6)]
    lines = {label.text: [(cell.text, cell.mark) for cell in cells] for label, cells in grid.lines}
    assert lines["Simpson"] == [("35", "out")] + [("–", "")] * 4
    assert lines["Kiss"][0] == ("2.585,5", "")
    assert lines["Kiss"][-1] == ("4.314", "won")
    assert [text for text, _ in lines["Uitgeputte stembriefjes"]] == ["0", "3", "14", "147", "602"]


def test_other_rules_stand_beside_it_and_the_page_says_that_they_differ():
    result = view(BURLINGTON)
    assert result.differ
    plurality, schulze = result.compared
    assert plain(plurality.sentences[0]).startswith("Wright wint met 2.952,5 stemmen")
    assert plain(schulze.sentences[0]).startswith("Montroll wint: in elke vergelijking")
    assert [bar.figure for bar in schulze.bars] == ["5", "4", "3", "2", "1", "0"], "comparisons won"
    assert not schulze.with_shares


def test_the_pairwise_table_has_the_numbers_of_both_directions():
    grid = view(BURLINGTON).compared[1].pairwise
    lines = {label.text: cells for label, cells in grid.lines}
    columns = [column.text for column in grid.columns]
    assert columns[0] == "Montroll"
    kiss, montroll = columns.index("Kiss"), columns.index("Montroll")
    assert (lines["Montroll"][kiss].text, lines["Montroll"][kiss].mark) == ("4.067", "won")
    assert (lines["Kiss"][montroll].text, lines["Kiss"][montroll].mark) == ("3.477", "")
    assert lines["Kiss"][kiss].text == "–"


def test_a_yes_no_poll_is_accepted_or_rejected():
    facts = [{"code": "rejected", "options": [2], "votes": ["139", "1753"]}]
    result = view(
        counted("yes_no", totals={1: "139", 2: "1753"}, winners=[2], ranking=[[2], [1]], facts=facts),
        {1: "Ja", 2: "Nee"},
    )
    assert plain(result.own.sentences[0]) == "Verworpen: 139 stemmen voor ja en 1.753 voor nee."
    assert not result.compared


def test_a_tie_is_said_and_shared_places_are_marked():
    facts = [{"code": "tie", "options": [1, 2], "votes": ["40"]}]
    totals = {1: "40", 2: "40", 3: "20"}
    own = view(counted("single", totals=totals, winners=[1, 2], ranking=[[1, 2], [3]], facts=facts)).own
    assert plain(own.sentences[0]).startswith("Gelijke stand tussen Kiss en Montroll")
    assert [row.place for row in own.rows] == ["1 (gedeeld)", "1 (gedeeld)", "3"]
    assert [row.won for row in own.rows] == [True, True, False]


def test_an_undecided_count_names_nobody_as_chosen_tied_or_not_chosen():
    facts = [{"code": "undecided", "options": [1, 2]}]
    own = view(counted("irv", totals={1: "40", 2: "40"}, winners=[], ranking=[[1, 2], [3]], facts=facts)).own
    assert plain(own.sentences[0]).startswith("Onbeslist tussen Kiss en Montroll")
    assert [row.place for row in own.rows] == ["–", "–", "3"]
    assert [(row.won, row.undecided) for row in own.rows] == [(False, True), (False, True), (False, False)]


def test_a_poll_without_votes_has_bars_of_no_length():
    totals = {1: "0", 2: "0"}
    own = view(
        counted("single", totals=totals, winners=[], ranking=[[1, 2]], facts=[{"code": "no_votes"}], ballots=0)
    ).own
    assert plain(own.sentences[0]) == "Niemand heeft een antwoord gekozen."
    assert [bar.percent for bar in own.bars] == [0, 0]
    assert [row.share for row in own.rows] == ["0%", "0%"]


@pytest.mark.parametrize(
    "because", ["tied_together", "tied_fewer_earlier", "tied_without_effect", "tied_decisive", "tied_undecided"]
)
def test_what_a_tie_in_a_round_came_to_is_said(because):
    result = json.loads(json.dumps(BURLINGTON))
    result["results"][0]["rounds"][1] |= {"because": because, "tied": [3, 6], "eliminated": [6], "earlier_round": 1}
    notes = view(result).own.round_notes
    assert len(notes) == 1
    assert plain(notes[0]).startswith("Ronde 2: ")
    assert "Write-In" in notes[0]


def graded(rule, facts, **more):
    """What voting answers about ten graded ballots: A has 4 of the best, B 3, C none."""
    result = {
        "rule": rule,
        "winners": [1],
        "ranking": [[1], [2], [3]],
        "grades": {"1": [0, 0, 2, 4, 0, 4], "2": [0, 0, 3, 4, 0, 3], "3": [9, 0, 0, 0, 0, 1]},
        "facts": facts,
    }
    return {"poll_id": BURLINGTON["poll_id"], "ballots": 11, "blank": 1, "results": [result | more]}


JUDGED = {"majority_grades": {"1": 3, "2": 3, "3": 0}}
SCORED = {
    "rounds": [{"round": 1, "totals": {"1": "36", "2": "33", "3": "5"}}],
    "means": {"1": "18/5", "2": "33/10", "3": "1/2"},
    "medians": {"1": "3", "2": "3", "3": "0"},
}
ABC = {1: "A", 2: "B", 3: "C"}


def test_majority_judgment_is_told_by_the_middle_grade_and_what_broke_the_tie():
    facts = [
        {"code": "majority_grade", "options": [1], "votes": ["8", "10"], "grades": [3]},
        {"code": "more_above", "options": [1, 2], "votes": ["4", "3"], "grades": [3]},
    ]
    own = view(graded("majority_judgment", facts, **JUDGED), ABC).own
    assert [plain(sentence) for sentence in own.sentences] == [
        "A wint met als middelste oordeel “Goed”: 8 van de 10 stemmers geven dat oordeel of een beter.",
        "B: hetzelfde middelste oordeel. A staat hoger omdat meer stemmers een beter oordeel geven: 4 tegenover 3.",
    ]
    assert own.figure_name == "Middelste oordeel"
    assert [row.figure for row in own.rows] == ["Goed", "Goed", "Te verwerpen"]
    assert not own.bars
    assert not own.with_shares


def test_a_single_voter_gives_in_the_singular():
    judged = [{"code": "majority_grade", "options": [1], "votes": ["1", "1"], "grades": [3]}]
    own = view(graded("majority_judgment", judged, **JUDGED), ABC).own
    assert plain(own.sentences[0]).endswith(": 1 van de 1 stemmers geeft dat oordeel of een beter.")
    most = [{"code": "most_votes", "options": [1], "votes": ["1"]}]
    result = counted("single", totals={1: "1", 2: "0"}, winners=[1], ranking=[[1], [2]], facts=most)
    assert "met 1 stem:" in plain(view(result, {1: "A", 2: "B"}).own.sentences[0])


def test_the_bars_have_the_numbers_of_the_table_the_best_grade_first():
    own = view(graded("majority_judgment", [], **JUDGED), ABC).own
    words = ["Uitstekend", "Zeer goed", "Goed", "Aanvaardbaar", "Zwak", "Te verwerpen"]
    assert [column.text for column in own.grades.columns] == words == [key.label for key in own.scale]
    table = {label.text: [cell.text for cell in cells] for label, cells in own.grades.lines}
    assert table["B"] == ["3", "0", "4", "3", "0", "0"]
    first = own.stacks[0]
    assert [(each.grade, each.start, each.width) for each in first.segments] == [(5, 0, 40), (3, 40, 40), (2, 80, 20)]
    assert (first.won, own.stacks[1].won) == (True, False)


def test_score_is_told_in_points_and_its_table_has_means_and_medians():
    facts = [{"code": "most_points", "options": [1], "votes": ["36", "18/5"]}]
    own = view(graded("score", facts, **SCORED), ABC).own
    assert plain(own.sentences[0]) == "A wint met 36 punten: gemiddeld 3,6."
    assert [row.figure for row in own.rows] == ["36", "33", "5"]
    assert [column.text for column in own.grades.columns] == ["5", "4", "3", "2", "1", "0", "Gemiddelde", "Mediaan"]
    table = {label.text: [cell.text for cell in cells] for label, cells in own.grades.lines}
    assert table["A"] == ["4", "0", "4", "2", "0", "0", "3,6", "3"]
    assert [(grade.label, grade.more) for grade in own.scale][::5] == [("5", "heel goed"), ("0", "heel slecht")]


def test_score_beside_a_judgment_says_which_word_was_how_many_points():
    result = graded("majority_judgment", [], **JUDGED)
    result["results"].append(graded("score", [], **SCORED)["results"][0])
    beside = view(result, ABC).compared[0]
    assert [(grade.label, grade.more) for grade in beside.scale][:2] == [("5", "Uitstekend"), ("4", "Zeer goed")]


def test_graded_ballots_that_nobody_cast_have_no_bars_and_no_table_of_grades():
    nobody = {"grades": {"1": [0] * 6, "2": [0] * 6, "3": [0] * 6}, "winners": [], "ranking": [[1, 2, 3]]}
    own = view(graded("majority_judgment", [{"code": "no_votes"}], **nobody), ABC).own
    assert plain(own.sentences[0]) == "Niemand heeft een antwoord gekozen."
    assert (list(own.stacks), own.grades) == ([], None)
    assert [row.figure for row in own.rows] == ["–"] * 3


@pytest.mark.parametrize(
    "code", ["majority_grade", "more_above", "fewer_below", "further_medians", "tie", "most_points"]
)
@pytest.mark.parametrize("tag", ["nl", "fr", "de", "en"])
def test_every_reason_in_grades_has_a_sentence_in_every_language(code, tag):
    fact = {"code": code, "options": [1, 2], "votes": ["4", "3"], "grades": [3, 2, 1]}
    sentence = view(graded("majority_judgment", [fact], **JUDGED), ABC, language(tag)).own.sentences[0]
    assert "A" in sentence
    assert "%" not in sentence


def test_a_label_cannot_break_out_of_its_sentence():
    facts = [{"code": "most_votes", "options": [1], "votes": ["2"]}]
    names = {1: "<script>alert(1)</script>", 2: "B"}
    result = view(counted("single", totals={1: "2", 2: "1"}, winners=[1], ranking=[[1], [2]], facts=facts), names)
    assert "<script>" not in result.own.sentences[0]


@pytest.mark.parametrize(
    "code", ["accepted", "majority", "most_votes", "condorcet_winner", "strongest_paths", "tie", "undecided"]
)
@pytest.mark.parametrize("tag", ["nl", "fr", "de", "en"])
@pytest.mark.parametrize("rule", ["single", "approval"])
def test_every_reason_has_a_sentence_in_every_language(code, tag, rule):
    facts = [{"code": code, "options": [1], "votes": ["2", "1"]}]
    result = counted(rule, totals={1: "2", 2: "1"}, winners=[1], ranking=[[1], [2]], facts=facts)
    sentence = view(result, {1: "A", 2: "B"}, language(tag)).own.sentences[0]
    assert "%" not in sentence
