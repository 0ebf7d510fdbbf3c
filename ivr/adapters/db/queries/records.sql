-- What people and programs ask of the record.

-- name: list_calls
SELECT * FROM ivr.calls
WHERE ($1::timestamptz IS NULL OR entered_at >= $1)
  AND ($2::timestamptz IS NULL OR entered_at < $2)
  AND ($3::text IS NULL OR centre = $3)
  AND ($4::text IS NULL OR outcome = $4)
  AND ($5::text IS NULL OR kind = $5)
ORDER BY entered_at DESC, id DESC
LIMIT $6;

-- name: get_call
SELECT * FROM ivr.calls WHERE id = $1;

-- name: get_legs
SELECT * FROM ivr.legs WHERE call = $1 ORDER BY created_at, id;

-- name: get_steps
SELECT * FROM ivr.steps WHERE call = $1 ORDER BY seq, idx;

-- name: get_messages
SELECT * FROM ivr.messages WHERE call = $1 ORDER BY take;

-- name: get_talks
SELECT * FROM ivr.recordings WHERE call = $1 ORDER BY began_at, file;

-- name: get_agent_events
SELECT * FROM ivr.agent_events WHERE call = $1 ORDER BY seq, idx;

-- name: get_surveys
SELECT * FROM ivr.surveys WHERE call = $1 ORDER BY seq, idx;

-- name: list_messages
SELECT m.*, c.centre, c.caller, c.caller_key FROM ivr.messages m JOIN ivr.calls c ON c.id = m.call
WHERE ($1::timestamptz IS NULL OR m.recorded_at >= $1)
  AND ($2::timestamptz IS NULL OR m.recorded_at < $2)
  AND ($3::text IS NULL OR c.centre = $3)
  AND ($4::text IS NULL OR m.state = $4)
ORDER BY m.recorded_at DESC, m.call DESC, m.take DESC
LIMIT $5;

-- name: list_callbacks
SELECT * FROM ivr.callbacks
WHERE ($1::timestamptz IS NULL OR due >= $1)
  AND ($2::timestamptz IS NULL OR due < $2)
  AND ($3::text IS NULL OR centre = $3)
  AND ($4::text IS NULL OR state = $4)
ORDER BY due, id
LIMIT $5;

-- name: callbacks_of
SELECT c.* FROM ivr.callbacks c JOIN ivr.callback_requests r ON r.callback = c.id WHERE r.call = $1 ORDER BY c.due, c.id;

-- name: count_outcomes
SELECT outcome, count(*) AS calls FROM ivr.calls
WHERE outcome IS NOT NULL
  AND ($1::timestamptz IS NULL OR entered_at >= $1)
  AND ($2::timestamptz IS NULL OR entered_at < $2)
  AND ($3::text IS NULL OR centre = $3)
GROUP BY outcome;

-- name: count_open
SELECT count(*) FROM ivr.calls WHERE ended_at IS NULL AND kind = 'inbound';

-- name: log_access
INSERT INTO ivr.access_log (who, what, why) VALUES ($1, $2, $3);

-- name: claim_vault
INSERT INTO ivr.vault (key_fingerprint) VALUES ($1) ON CONFLICT (only_row) DO NOTHING;

-- name: vault_key
SELECT key_fingerprint FROM ivr.vault;

-- name: recordings_of
SELECT call, file, sha256, purged_at FROM ivr.messages WHERE call = $1 AND state = 'kept'
UNION ALL SELECT call, file, sha256, purged_at FROM ivr.recordings WHERE call = $1 ORDER BY file;

-- name: settled
-- Calls whose end is in the record, for which their recordings were measured; what their callers did not want kept.
SELECT c.id, array_agg(m.file) FILTER (WHERE m.state = 'discarded') AS discarded
FROM ivr.calls c LEFT JOIN ivr.messages m ON m.call = c.id
WHERE c.id = ANY ($1::text[]) AND c.ended_at IS NOT NULL
GROUP BY c.id;
