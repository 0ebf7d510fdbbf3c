-- What ingest writes, all of one batch in one transaction.

-- name: try_lock
SELECT pg_try_advisory_lock(hashtextextended('ivr.ingest.' || $1, 0));

-- name: positions
SELECT file, started, read_to, lost_at FROM ivr.journal_position WHERE node = $1 ORDER BY moved;

-- name: move
INSERT INTO ivr.journal_position AS p (node, file, started, read_to) VALUES ($1, $2, $3, $4)
ON CONFLICT (node, file) DO UPDATE SET read_to = EXCLUDED.read_to, moved_at = now(), moved = DEFAULT
WHERE p.read_to = $5;

-- name: lose
UPDATE ivr.journal_position SET lost_at = now() WHERE node = $1 AND file = ANY ($2::text[]);

-- name: open_calls
SELECT id FROM ivr.calls WHERE node = $1 AND ended_at IS NULL;

-- name: events_of
-- The events of calls, and every start of the node's Asterisk after them.
SELECT type, user_type, at, channel, unique_id, call, exten, context, app, peer, extra
FROM ivr.events
WHERE call = ANY ($2::text[])
   OR (node = $1 AND call = '' AND number > (SELECT min(number) FROM ivr.events WHERE call = ANY ($2::text[])))
ORDER BY number;

-- name: add_event
INSERT INTO ivr.events
    (node, file, at_byte, type, user_type, at, channel, unique_id, call, exten, context, app, peer, extra)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT DO NOTHING;

-- name: add_torn
INSERT INTO ivr.torn (node, file, at_byte, line, reason) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: count_torn
SELECT count(*) FROM ivr.torn WHERE node = $1;

-- name: put_call
INSERT INTO ivr.calls
    (id, node, kind, dnis, centre, version, language, category, caller, caller_key, queue, entered_at, business_at,
     queued_at, answered_at, ended_at, ended_by, outcome, end_reason, faults, day)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
ON CONFLICT (id) DO UPDATE SET
    kind = EXCLUDED.kind, dnis = EXCLUDED.dnis, centre = EXCLUDED.centre, version = EXCLUDED.version,
    language = EXCLUDED.language, category = EXCLUDED.category, caller = EXCLUDED.caller,
    caller_key = EXCLUDED.caller_key, queue = EXCLUDED.queue, entered_at = EXCLUDED.entered_at,
    business_at = EXCLUDED.business_at, queued_at = EXCLUDED.queued_at, answered_at = EXCLUDED.answered_at,
    ended_at = EXCLUDED.ended_at, ended_by = EXCLUDED.ended_by, outcome = EXCLUDED.outcome,
    end_reason = EXCLUDED.end_reason, faults = EXCLUDED.faults, day = EXCLUDED.day;

-- name: put_leg
INSERT INTO ivr.legs
    (call, id, kind, agent, state, created_at, ringing_at, answered_at, ended_at, hangup_cause, ended_by, talk_s)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (call, id) DO UPDATE SET
    kind = EXCLUDED.kind, agent = EXCLUDED.agent, state = EXCLUDED.state, created_at = EXCLUDED.created_at,
    ringing_at = EXCLUDED.ringing_at, answered_at = EXCLUDED.answered_at, ended_at = EXCLUDED.ended_at,
    hangup_cause = EXCLUDED.hangup_cause, ended_by = EXCLUDED.ended_by, talk_s = EXCLUDED.talk_s;

-- name: put_step
INSERT INTO ivr.steps (call, seq, idx, at, node, kind, phase, heard, result, got, to_node, language, category)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (call, seq, idx) DO UPDATE SET
    at = EXCLUDED.at, node = EXCLUDED.node, kind = EXCLUDED.kind, phase = EXCLUDED.phase, heard = EXCLUDED.heard,
    result = EXCLUDED.result, got = EXCLUDED.got, to_node = EXCLUDED.to_node, language = EXCLUDED.language,
    category = EXCLUDED.category;

-- name: put_message
INSERT INTO ivr.messages (call, take, file, recorded_at, state, seconds, sha256, language, category, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (call, take) DO UPDATE SET
    file = EXCLUDED.file, recorded_at = EXCLUDED.recorded_at, state = EXCLUDED.state, seconds = EXCLUDED.seconds,
    sha256 = EXCLUDED.sha256, language = EXCLUDED.language, category = EXCLUDED.category, data = EXCLUDED.data;

-- name: put_talk
INSERT INTO ivr.recordings (call, file, began_at, seconds, sha256) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (call, file) DO UPDATE SET
    began_at = EXCLUDED.began_at, seconds = EXCLUDED.seconds, sha256 = EXCLUDED.sha256;

-- name: put_agent_event
INSERT INTO ivr.agent_events (call, seq, idx, at, agent, action, queues) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (call, seq, idx) DO UPDATE SET
    at = EXCLUDED.at, agent = EXCLUDED.agent, action = EXCLUDED.action, queues = EXCLUDED.queues;

-- name: put_survey
INSERT INTO ivr.surveys
    (call, seq, idx, at, node, metric, lowest, highest, score, of_agent, agent, queue, language, category)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (call, seq, idx) DO UPDATE SET
    at = EXCLUDED.at, node = EXCLUDED.node, metric = EXCLUDED.metric, lowest = EXCLUDED.lowest,
    highest = EXCLUDED.highest, score = EXCLUDED.score, of_agent = EXCLUDED.of_agent, agent = EXCLUDED.agent,
    queue = EXCLUDED.queue, language = EXCLUDED.language, category = EXCLUDED.category;

-- name: ask_callback
-- A request counts once, however often it is written: it makes an item or joins the open one. The number is the same
-- each time; the newest is sealed under the key that lives longest.
WITH item AS (
    INSERT INTO ivr.callbacks AS c
        (id, centre, category, language, origin, number, number_key, data, asked_at, due)
    SELECT $1, $3, $4, $5, $6, $7, $8, $9, $10, $11
    WHERE NOT EXISTS (SELECT FROM ivr.callback_requests WHERE id = $1)
    ON CONFLICT (centre, number_key, COALESCE(category, '')) WHERE state IN ('open', 'claimed')
    DO UPDATE SET requests = c.requests + 1, due = LEAST(c.due, EXCLUDED.due), number = EXCLUDED.number,
        data = COALESCE(EXCLUDED.data, c.data)
    RETURNING id
)
INSERT INTO ivr.callback_requests (id, call, callback, asked_at, due, data)
SELECT $1, $2, item.id, $10, $11, $9 FROM item;

-- name: clear_legs
DELETE FROM ivr.legs WHERE call = ANY ($1::text[]);

-- name: clear_steps
DELETE FROM ivr.steps WHERE call = ANY ($1::text[]);

-- name: clear_messages
DELETE FROM ivr.messages WHERE call = ANY ($1::text[]);

-- name: clear_talks
DELETE FROM ivr.recordings WHERE call = ANY ($1::text[]);

-- name: clear_surveys
DELETE FROM ivr.surveys WHERE call = ANY ($1::text[]);

-- name: clear_agent_events
DELETE FROM ivr.agent_events WHERE call = ANY ($1::text[]);
