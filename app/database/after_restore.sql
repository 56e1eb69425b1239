-- Run once, as superuser, on a database that was set back, before anyone uses it:
--   psql --dbname fivebox --set ON_ERROR_STOP=1 --set sessions=end --file after_restore.sql
-- sessions=end logs all devices out; sessions=keep leaves them as they were then.
BEGIN;
-- No triggers: an ended session is told to live updates by its own transaction, and none is open.
SET LOCAL session_replication_role = replica;
SET LOCAL statement_timeout = 0;

-- Devices may have seen revisions that are gone. The counters go on at the next billion (EPOCH in
-- app/database/feed.py), above all of those: nobody makes as many changes, and JavaScript counts
-- exactly to nine million times it. Whoever pulled before is told to begin anew, as after a purge.
UPDATE sync_state SET rev = (rev / 1000000000 + 1) * 1000000000,
    purge_floor = (rev / 1000000000 + 1) * 1000000000;

-- A refresh token that was exchanged since is unknown here and would count as stolen; one that was
-- revoked since would serve again.
UPDATE devices SET revoked_at = now(), revoked_reason = 'restored'
 WHERE revoked_at IS NULL AND :'sessions' = 'end';

INSERT INTO audit_events (user_id, actor, kind, outcome, details)
VALUES (NULL, 'command', 'database.restored', 'succeeded', jsonb_build_object('sessions', :'sessions'));
COMMIT;
