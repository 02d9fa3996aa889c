"""Votes on their way in. The board of the closing hour."""

from inspraak_dev.observability.dashboards.requests import SECONDS
from inspraak_dev.observability.panels import Board, lines, number
from inspraak_dev.observability.promql import quantile, rate

VOTE = '{service="gateway",route="/api/v1/polls/*/vote",method="PUT"}'
OURS = '{reason=~"overloaded|database_unavailable"}'
BATCH = '{batch="votes"}'

NOW = [
    number(
        "Votes a second",
        "ops",
        {"accepted": rate("voting_ballots_accepted_total")},
        "Votes that were stored, changed votes included. A vote is counted here after its commit.",
    ),
    number(
        "Refused for our reasons",
        "ops",
        {"refused": f"{rate(f'voting_ballots_rejected_total{OURS}')} or vector(0)"},
        "Votes refused because there were too many or the database was unavailable. Not zero:"
        " docs/runbooks/closing-hour.md.",
        red_from=0.001,
    ),
    number(
        "How fast the month's budget is used",
        "short",
        {"times the pace": 'slo:bad:ratio3d{slo="Votes"} / 0.0005'},
        "Over the last three days. At 1 the budget of failed votes lasts exactly 30 days, at 10 three days:"
        " docs/runbooks/closing-hour.md, “Votes fail”.",
        red_from=1,
    ),
    number(
        "99 % of votes within",
        "s",
        {"99 %": quantile(0.99, SECONDS, VOTE)},
        "From the gateway's first byte to its last. More than a second:"
        " docs/runbooks/closing-hour.md, “Votes are slow”.",
        red_from=1,
    ),
]

VOTES = [
    lines(
        "Accepted",
        "ops",
        {"accepted": rate("voting_ballots_accepted_total")},
        "The peak is normally the last hour before a poll closes. A drop to zero in mid-poll is an outage.",
    ),
    lines(
        "Refused, by reason",
        "ops",
        {"{{reason}}": rate("voting_ballots_rejected_total", "reason")},
        "poll_not_open, wrong choices and missing levels are decisions of the rules. overloaded and"
        " database_unavailable are ours to mend.",
    ),
    lines(
        "Time to answer a vote",
        "s",
        {"half within": quantile(0.5, SECONDS, VOTE), "99 % within": quantile(0.99, SECONDS, VOTE)},
        "As voters see it, at the gateway. If it rises together with the size of batches, the database is slow.",
        red_from=1,
    ),
    lines(
        "Answers to votes, by code",
        "reqps",
        {"{{code}}": rate(f"{SECONDS}_count{VOTE}", "code")},
        "200 and 201 are accepted votes. 403 and 409 are refusals by the rules, 429 limits, 503 ours.",
    ),
]

WRITING = [
    lines(
        "Votes written together",
        "short",
        {
            "half of the batches up to": quantile(0.5, "batch_rows", BATCH),
            "99 % of the batches up to": quantile(0.99, "batch_rows", BATCH),
        },
        "Votes in one transaction. Batches grow when votes arrive faster than commits return, and that is how they"
        " keep up. Always at the limit (256): the database cannot follow.",
    ),
    lines(
        "Batches a second",
        "ops",
        {"batches": rate(f"batch_rows_count{BATCH}")},
        "Transactions that write votes. Fewer batches while votes wait: commits are slow; look at the database.",
    ),
    lines(
        "Sent away",
        "ops",
        {
            "gateway, on the way to {{service}}": rate('load_shed_total{class="votes"}', "service"),
            "voting's queue": rate(f"batch_shed_total{BATCH}"),
        },
        "Votes that found no room: at the gateway, or in a process's queue of votes. Voters come back after some"
        " seconds. Add processes of voting.",
    ),
    lines(
        "Signing in",
        "ops",
        {
            "code {{outcome}}": rate("identity_codes_total", "outcome"),
            "sign-in {{outcome}}": rate("identity_sign_ins_total", "outcome"),
        },
        "Codes asked for and mailed, people signed in. Codes made but not mailed: the mail server."
        " docs/runbooks/opening-day.md, “People cannot sign in”.",
    ),
]

BOARD = Board(
    uid="inspraak-votes",
    title="Inspraak: votes",
    description="Votes accepted and refused, how fast, and what stands in their way."
    " The dashboard of the closing hour.",
    rows={"Now": NOW, "Votes": VOTES, "Writing": WRITING},
)
