-- The whole record at once, for comparing it with the journal: one row a call of a caller, and one a leg.

-- name: all_calls
SELECT c.*,
    (SELECT count(*) FROM ivr.steps s WHERE s.call = c.id) AS steps,
    (SELECT count(*) FROM ivr.messages m WHERE m.call = c.id) AS messages,
    (SELECT count(*) FROM ivr.callback_requests r WHERE r.call = c.id) AS requests
FROM ivr.calls c WHERE c.kind = 'inbound' ORDER BY c.entered_at, c.id;

-- name: all_legs
SELECT l.call, l.id, l.kind, l.state, l.ended_at
FROM ivr.legs l JOIN ivr.calls c ON c.id = l.call WHERE c.kind = 'inbound';

-- name: count_torn
SELECT count(*) FROM ivr.torn;
