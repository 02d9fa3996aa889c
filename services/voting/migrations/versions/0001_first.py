"""Polls, their options, votes and outcomes."""

import sqlalchemy as sa
from alembic import op
from chassis.bus_tables import create_bus_tables
from chassis.db import enable_row_level_security
from chassis.own_tables import create_idempotency_table, create_key_table
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

# One round trip and no client's pace between the lock and the commit. Two statements, each with a snapshot of its own:
# the first waits until a closing that came before is committed and then finds the poll closed; a closing that comes
# after waits for the commit of this transaction, and its count sees these votes. Polls and rows go in the order of
# their keys, so that two batches never wait for each other.
CAST_VOTES = """
CREATE FUNCTION cast_votes(
    tenants text, poll_tenants uuid[], poll_ids uuid[], vote_polls int[], voters bytea[], ballots text[]
) RETURNS SETOF int LANGUAGE plpgsql AS $$
DECLARE
    taking int[];
BEGIN
    PERFORM set_config('app.tenant_ids', tenants, true);
    SELECT array_agg(place) INTO taking FROM (
        SELECT asked.place::int
        FROM unnest(poll_tenants, poll_ids) WITH ORDINALITY AS asked (tenant_id, id, place)
        JOIN polls ON polls.tenant_id = asked.tenant_id AND polls.id = asked.id
        WHERE polls.status IN ('scheduled', 'open')
          AND polls.opens_at <= clock_timestamp() AND clock_timestamp() < polls.closes_at
        ORDER BY polls.tenant_id, polls.id
        FOR SHARE OF polls
    ) AS locked;
    INSERT INTO votes (tenant_id, poll_id, voter, choices, cast_at)
    SELECT poll_tenants[vote.poll], poll_ids[vote.poll], vote.voter, vote.ballot::jsonb, now()
    FROM unnest(vote_polls, voters, ballots) AS vote (poll, voter, ballot)
    WHERE vote.poll = ANY (taking)
    ORDER BY 1, 2, 3
    ON CONFLICT (tenant_id, poll_id, voter)
    DO UPDATE SET choices = excluded.choices, cast_at = excluded.cast_at;
    RETURN QUERY SELECT unnest(taking);
END
$$
"""


def upgrade() -> None:
    jsonb, moment = postgresql.JSONB(), sa.TIMESTAMP(timezone=True)
    op.create_table(
        "polls",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("titles", jsonb, nullable=False),
        sa.Column("questions", jsonb),
        sa.Column("descriptions", jsonb, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("compared_with", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("max_choices", sa.SmallInteger()),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("opens_at", moment),
        sa.Column("closes_at", moment),
        sa.Column("notices", jsonb, nullable=False),
        sa.Column("ballots", sa.Integer()),
        sa.Column("blank", sa.Integer()),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_polls"),
        sa.CheckConstraint(
            "status in ('draft', 'scheduled', 'open', 'closed', 'published', 'cancelled')", name="ck_polls_status"
        ),
        sa.CheckConstraint("opens_at < closes_at", name="ck_polls_opens_before_closing"),
        sa.CheckConstraint(
            "status = 'draft' or (opens_at is not null and closes_at is not null)", name="ck_polls_has_times"
        ),
        sa.CheckConstraint(
            "status not in ('closed', 'published') or (ballots is not null and blank is not null)",
            name="ck_polls_is_counted",
        ),
    )
    op.create_table(
        "options",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("labels", jsonb, nullable=False),
        sa.Column("descriptions", jsonb, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "poll_id", "number", name="pk_options"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "poll_id"],
            ["polls.tenant_id", "polls.id"],
            name="fk_options_tenant_id_poll_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("number >= 1", name="ck_options_number"),
    )
    op.create_table(
        "votes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("voter", sa.LargeBinary(), nullable=False),
        sa.Column("choices", jsonb, nullable=False),
        sa.Column("cast_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "poll_id", "voter", name="pk_votes"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "poll_id"], ["polls.tenant_id", "polls.id"], name="fk_votes_tenant_id_poll_id"
        ),
        sa.CheckConstraint("octet_length(voter) = 32", name="ck_votes_voter"),
        sa.CheckConstraint("jsonb_typeof(choices) = 'array'", name="ck_votes_choices"),
    )
    op.create_table(
        "outcomes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("results", jsonb, nullable=False),
        sa.Column("counted_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "poll_id", name="pk_outcomes"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "poll_id"], ["polls.tenant_id", "polls.id"], name="fk_outcomes_tenant_id_poll_id"
        ),
    )
    op.create_table(
        "governments", sa.Column("id", sa.Uuid(), nullable=False), sa.PrimaryKeyConstraint("id", name="pk_governments")
    )
    create_bus_tables(op)
    create_key_table(op)
    create_idempotency_table(op)
    for statement in enable_row_level_security("polls", "options", "votes", "outcomes"):
        op.execute(statement)
    op.execute(CAST_VOTES)
