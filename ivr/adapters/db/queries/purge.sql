-- Retention: what goes when its time is over. $1 is a centre, or empty for callers of none; $2 the first day that is kept.

-- name: centres
SELECT DISTINCT COALESCE(centre, '') AS centre FROM ivr.calls WHERE purged_at IS NULL;

-- name: count_calls
SELECT count(*) FROM ivr.calls
WHERE COALESCE(centre, '') = $1 AND entered_at < $2 AND purged_at IS NULL AND ended_at IS NOT NULL;

-- name: clear_calls
-- Some at a time: a statement has ten seconds.
WITH past AS MATERIALIZED (
    SELECT id FROM ivr.calls
    WHERE COALESCE(centre, '') = $1 AND entered_at < $2 AND purged_at IS NULL AND ended_at IS NOT NULL
    ORDER BY entered_at LIMIT 1000 FOR UPDATE
), cleared_steps AS (
    UPDATE ivr.steps SET got = NULL WHERE call IN (SELECT id FROM past) AND got LIKE 's1.%'
), cleared_messages AS (
    UPDATE ivr.messages SET data = NULL WHERE call IN (SELECT id FROM past)
), cleared_requests AS (
    UPDATE ivr.callback_requests SET data = NULL WHERE call IN (SELECT id FROM past)
), cleared_events AS (
    UPDATE ivr.events SET extra = '' WHERE call IN (SELECT id FROM past) AND user_type <> ''
), cleared AS (
    UPDATE ivr.calls SET caller = NULL, caller_key = NULL, purged_at = now() WHERE id IN (SELECT id FROM past) RETURNING 1
)
SELECT count(*) FROM cleared;

-- name: count_callbacks
SELECT count(*) AS callbacks, count(*) FILTER (WHERE state IN ('open', 'claimed')) AS unmade FROM ivr.callbacks c
WHERE centre = $1 AND asked_at < $2 AND number <> ''
  AND NOT EXISTS (SELECT FROM ivr.callback_requests r WHERE r.callback = c.id AND r.asked_at >= $2);

-- name: clear_callbacks
WITH past AS MATERIALIZED (
    SELECT id, state IN ('open', 'claimed') AS unmade FROM ivr.callbacks c
    WHERE centre = $1 AND asked_at < $2 AND number <> ''
      AND NOT EXISTS (SELECT FROM ivr.callback_requests r WHERE r.callback = c.id AND r.asked_at >= $2)
    FOR UPDATE
), cleared AS (
    UPDATE ivr.callbacks c SET number = '', number_key = '', data = NULL,
        state = CASE WHEN past.unmade THEN 'expired' ELSE c.state END
    FROM past WHERE c.id = past.id RETURNING past.unmade
)
SELECT count(*) AS callbacks, count(*) FILTER (WHERE unmade) AS unmade FROM cleared;

-- name: clear_torn
UPDATE ivr.torn SET line = '' WHERE read_at < $1 AND line <> '';

-- name: mark_messages
UPDATE ivr.messages SET purged_at = now() WHERE call = ANY ($1::text[]) AND file = ANY ($2::text[]) AND purged_at IS NULL;

-- name: mark_talks
UPDATE ivr.recordings SET purged_at = now() WHERE call = ANY ($1::text[]) AND file = ANY ($2::text[]) AND purged_at IS NULL;

-- name: begin
INSERT INTO ivr.purges (who, centre, as_of) VALUES ($1, $2, $3) RETURNING number;

-- name: end
UPDATE ivr.purges SET ended_at = now(), messages = $2, talks = $3, days = $4, calls = $5, callbacks = $6, unmade = $7
WHERE number = $1;

-- name: newest_call
SELECT max(entered_at) FROM ivr.calls;

-- name: last_purges
SELECT * FROM ivr.purges ORDER BY number DESC LIMIT $1;
