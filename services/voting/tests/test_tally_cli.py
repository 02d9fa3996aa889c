import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from voting.tally_cli import main

HEADER = """\
# TITLE: Capital of Tennessee
# DATA TYPE: soc
# NUMBER ALTERNATIVES: 4
# NUMBER VOTERS: 100
# NUMBER UNIQUE ORDERS: 4
# ALTERNATIVE NAME 1: Memphis
# ALTERNATIVE NAME 2: Nashville
# ALTERNATIVE NAME 3: Chattanooga
# ALTERNATIVE NAME 4: Knoxville
"""
TENNESSEE = HEADER + "42: 1,2,3,4\n26: 2,3,4,1\n15: 3,4,2,1\n17: 4,3,2,1\n"


@pytest.fixture
def tennessee(tmp_path: Path) -> str:
    path = tmp_path / "tennessee.soc"
    path.write_text(TENNESSEE)
    return str(path)


@pytest.mark.parametrize(
    ("rule", "named", "winner"),
    [
        ("single", "single", "Memphis"),
        ("plurality", "single", "Memphis"),
        ("irv", "irv", "Knoxville"),
        ("schulze", "schulze", "Nashville"),
    ],
)
def test_json_names_the_rule_ballots_winners_ranking_and_rounds(
    tennessee: str, capsys: pytest.CaptureFixture[str], rule: str, named: str, winner: str
) -> None:
    assert main([tennessee, "--rule", rule, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {"rule", "ballots", "winners", "ranking", "rounds"} <= set(shown)
    assert (shown["rule"], shown["ballots"], shown["winners"]) == (named, 100, [winner])
    assert shown["ranking"][0] == [winner]


def test_json_has_every_round_with_votes_as_exact_strings(tennessee: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([tennessee, "--rule", "irv", "--json"])
    rounds = json.loads(capsys.readouterr().out)["rounds"]
    assert rounds[0] == {
        "round": 1,
        "totals": {"Memphis": "42", "Nashville": "26", "Chattanooga": "15", "Knoxville": "17"},
        "exhausted": 0,
        "eliminated": ["Chattanooga"],
        "because": "fewest_votes",
    }
    assert rounds[-1]["totals"] == {"Memphis": "42", "Knoxville": "58"}


def test_the_table_shows_all_rounds_and_a_sentence_names_the_winner(
    tennessee: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([tennessee, "--rule", "irv"]) == 0
    shown = capsys.readouterr().out
    assert "Knoxville         17       32       58" in shown
    assert "Round 1: Chattanooga has the fewest votes and leaves." in shown
    assert shown.endswith("Knoxville wins with 58 of 100 votes, before Memphis with 42.\n")


def test_the_matrix_shows_all_pairs(tennessee: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([tennessee, "--rule", "schulze"]) == 0
    shown = capsys.readouterr().out
    assert "[2] Nashville     58    -   68   68" in shown
    assert "Nashville wins: preferred to each other option, most narrowly to Memphis, by 58 to 42." in shown


GRADED = """\
# TITLE: Squares
# DATA TYPE: cat
# NUMBER ALTERNATIVES: 2
# NUMBER VOTERS: 10
# NUMBER UNIQUE PREFERENCES: 3
# NUMBER CATEGORIES: 6
# CATEGORY NAME 1: 5
# CATEGORY NAME 2: 4
# CATEGORY NAME 3: 3
# CATEGORY NAME 4: 2
# CATEGORY NAME 5: 1
# CATEGORY NAME 6: 0
# ALTERNATIVE NAME 1: Markt
# ALTERNATIVE NAME 2: Kaai
"""


MARKT_AHEAD = "4: 1,{},{},2,{},{}\n5: {},{},{1,2},{},{},{}\n1: 2,{},{},{},{},1"
MARKT_ABOVE = "5: 1,{},2,{},{},{}\n4: {},{},{1,2},{},{},{}\n1: 2,{},1,{},{},{}"
FURTHER = "2: 1,2,{},{},{},{}\n6: {},{},{1,2},{},{},{}\n2: {},{},{},{},{1,2},{}"
BOTH_ALIKE = "4: 1,{},{},{},{},2\n4: 2,{},{},{},{},1\n2: {},{},{},{},{1,2},{}"


@pytest.mark.parametrize(
    ("rule", "lines", "shown"),
    [
        ("score", MARKT_AHEAD, "Markt wins with 35 points, before Kaai with 28."),
        ("score", MARKT_AHEAD, "points   mean  median"),
        ("score", BOTH_ALIKE, "It is a tie: the ballots do not decide between Markt and Kaai, with 22 points each."),
        (
            "majority_judgment",
            MARKT_AHEAD,
            "Markt wins with the majority grade 3: 9 of 10 ballots give it that or more.",
        ),
        ("majority_judgment", MARKT_AHEAD, "Kaai. Grades below it: 1 for Markt, 4 for Kaai."),
        ("majority_judgment", MARKT_ABOVE, "Kaai. Grades above it: 5 for Markt, 1 for Kaai."),
        ("majority_judgment", FURTHER, "the next median that differs is 5 for Markt, and 4 for Kaai."),
        ("majority_judgment", BOTH_ALIKE, "between Markt and Kaai, with exactly the same grades."),
    ],
)
def test_grades_are_counted_and_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str, lines: str, shown: str
) -> None:
    path = tmp_path / "squares.cat"
    path.write_text(GRADED + lines + "\n")
    assert main([str(path), "--rule", rule]) == 0
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "rule", "sentence"),
    [
        (
            "5: 1,2,3,4\n5: 2,1,3,4",
            "single",
            "It is a tie: the ballots do not decide between Memphis and Nashville, with 5",
        ),
        ("5: 1,2,3,4\n5: 2,1,3,4", "schulze", "It is a tie: the ballots do not decide between Memphis and Nashville."),
        ("4: 1,2,3,4\n3: 2,3,1,4\n3: 3,1,2,4", "irv", "without Nashville Chattanooga, without Chattanooga Memphis"),
        ("4: 1,2,3,4\n3: 2,1,3,4\n3: 3,1,2,4", "irv", "shown as if Nashville left."),
    ],
)
def test_ties_are_declared_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: str, rule: str, sentence: str
) -> None:
    path = tmp_path / "tie.soc"
    header = HEADER.replace("VOTERS: 100", "VOTERS: 10").replace("ORDERS: 4", f"ORDERS: {len(lines.splitlines())}")
    path.write_text(header + lines)
    assert main([str(path), "--rule", rule]) == 0
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "rule", "complaint"),
    [
        (TENNESSEE.replace("42: ", "-42: "), "irv", ":10: not a number of voters (1 or more): -42"),
        (TENNESSEE.replace("1,2,3,4", "1,2,3,5"), "irv", ":10: no alternative has the number 5"),
        (
            TENNESSEE.replace("VOTERS: 100", "VOTERS: 99"),
            "irv",
            ":4: NUMBER VOTERS is 99, but the lines below add up to",
        ),
        (TENNESSEE, "approval", ":2: the rule approval cannot count complete strict orders (.soc); it needs .cat"),
        ("", "irv", ": the file is empty"),
    ],
)
def test_bad_input_gives_file_line_and_reason_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, rule: str, complaint: str
) -> None:
    path = tmp_path / "bad.soc"
    path.write_text(content)
    assert main([str(path), "--rule", rule]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"{path}{complaint}")


def test_a_file_that_cannot_be_read_is_said_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.soc"), "--rule", "irv"]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'none.soc'}: No such file or directory\n"
    folder = tmp_path / "folder.soc"
    folder.mkdir()
    assert main([str(folder), "--rule", "irv"]) == 2
    assert capsys.readouterr().err == f"{folder}: Is a directory\n"


def test_names_from_a_file_cannot_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "escape.soc"
    path.write_text(TENNESSEE.replace("Knoxville", "Knox\x1b[2Jville"))
    assert main([str(path), "--rule", "irv"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def command(*arguments: str, locale: str = "C.UTF-8") -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "voting.tally_cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "LC_ALL": locale, "PYTHONIOENCODING": "latin-1"},
    )


def test_names_come_out_as_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    path = tmp_path / "names.soc"
    path.write_text(TENNESSEE.replace("Knoxville", "Łódź"), encoding="utf-8")
    with command(str(path), "--rule", "irv", locale="POSIX") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert "Łódź wins" in out.decode()


def test_a_reader_that_has_seen_enough_is_no_error(tennessee: str) -> None:
    with command(tennessee, "--rule", "irv") as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_counting_needs_neither_database_nor_web_server() -> None:
    code = "import sys, voting.tally_cli; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    loaded = run.stdout
    assert "voting.rules.counting" in loaded
    for heavy in ("sqlalchemy", "fastapi", "pydantic", "aio_pika", "redis"):
        assert heavy not in loaded.splitlines()
