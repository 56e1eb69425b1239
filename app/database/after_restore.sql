-- Run once, as superuser, on a database that was set back, before anyone uses it:
--   psql --dbname fivebox --set ON_ERROR_STOP=1 --set sessions=end --file after_restore.sql
-- sessions=end logs all devices out; sessions=keep leaves them as they were then.
BEGIN;
-- No triggers: an ended session is told to live updates by its own transaction, and none is open.
SET LOCAL session_replication_role = replica;
SET LOCAL statement_timeout = 0;

-- Devices may have seen revisions that are gone, also such as a restore before this one gave out.
-- The counters go on at a thousand (EPOCH in app/database/feed.py) for each millisecond since 2026,
-- above all of those: nobody makes as many changes. JavaScript counts so far exactly until 2311.
-- Whoever pulled before is told to begin anew, as after a purge.
UPDATE sync_state SET (rev, purge_floor) = (
    SELECT epoch * 1000, epoch * 1000 FROM (
        SELECT greatest(rev / 1000, (extract(epoch FROM now() - '2026-01-01Z') * 1000)::bigint) + 1
    ) AS next (epoch));

-- A refresh token that was exchanged since is unknown here and would count as stolen; one that was
-- revoked since would serve again.
UPDATE devices SET revoked_at = now(), revoked_reason = 'restored'
 WHERE revoked_at IS NULL AND :'sessions' = 'end';

INSERT INTO audit_events (user_id, actor, kind, outcome, details)
VALUES (NULL, 'command', 'database.restored', 'succeeded', jsonb_build_object('sessions', :'sessions'));
COMMIT;
