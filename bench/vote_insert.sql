-- The yardstick for votes: one vote, inserted alone, under the constraints that a real vote has (primary key, foreign
-- key to its poll, two checks, row-level security), by the role that the service logs in with.
--
--   createdb bench, owned by voting_owner; INSPRAAK_DATABASE_URL=… voting migrate, so that it has the service's own
--   schema (services/voting/migrations); then, as voting_owner, a poll for each government that takes part:
--     INSERT INTO polls (tenant_id, id, version, status, titles, descriptions, rule, compared_with, level,
--                        opens_at, closes_at, notices, created_by, changed_at)
--     VALUES (:'tenant', :'poll', 2, 'open', '{}', '{}', 'single', '{}', 1,
--             now() - interval '1 hour', now() + interval '1 day', '[]', gen_random_uuid(), now());
--
--   PGOPTIONS="-c app.tenant_ids=$TENANT" pgbench -n -U voting -M prepared -c 64 -j 2 -T 10 \
--     -D tenant=$TENANT -D poll=$POLL -f bench/vote_insert.sql bench
--
-- The setting stands in PGOPTIONS, so that this is one statement and one commit, as cheap as an insert can be. 32 random
-- bytes stand for the voter: two version 4 UUIDs.
INSERT INTO votes (tenant_id, poll_id, voter, choices, cast_at)
VALUES (:tenant::uuid, :poll::uuid, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), '[1]', now());
