-- What `ivr reconcile` asks, all of it of one moment.

-- name: positions
SELECT file, read_to, lost_at FROM ivr.journal_position WHERE node = $1 ORDER BY moved;

-- name: lines_of
SELECT (SELECT count(*) FROM ivr.events WHERE node = $1 AND file = $2)
     + (SELECT count(*) FROM ivr.torn WHERE node = $1 AND file = $2) AS lines;

-- name: calls
SELECT * FROM ivr.calls WHERE id = ANY ($1::text[]);

-- name: legs
SELECT * FROM ivr.legs WHERE call = ANY ($1::text[]) ORDER BY call, created_at, id;

-- name: messages
SELECT * FROM ivr.messages WHERE call = ANY ($1::text[]) ORDER BY call, take;

-- name: talks
SELECT * FROM ivr.recordings WHERE call = ANY ($1::text[]) ORDER BY call, began_at, file;

-- name: page_of_ids
SELECT id, day FROM ivr.calls
WHERE node = $1 AND day BETWEEN $2 AND $3 AND ($4::date IS NULL OR (day, id) > ($4, $5::text))
ORDER BY day, id
LIMIT $6;

-- name: totals
SELECT * FROM ivr.daily_totals WHERE node = $1 AND day BETWEEN $2 AND $3 AND arrived > 0 ORDER BY day, centre;

-- name: other_nodes
SELECT DISTINCT node FROM ivr.daily_totals WHERE node <> $1 AND day BETWEEN $2 AND $3 AND arrived > 0 ORDER BY node;

-- name: files_of
SELECT call, array_agg(DISTINCT file) AS files FROM ivr.events WHERE node = $1 AND call = ANY ($2::text[]) GROUP BY call;

-- name: named
SELECT file FROM ivr.messages WHERE call = ANY ($1::text[]) AND file = ANY ($2::text[])
UNION
SELECT file FROM ivr.recordings WHERE call = ANY ($1::text[]) AND file = ANY ($2::text[]);
