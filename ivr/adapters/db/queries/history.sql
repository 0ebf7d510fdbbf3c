-- Ended calls with their path, page by page in the order in which they came.

-- name: page_of_calls
SELECT * FROM ivr.calls
WHERE kind = 'inbound' AND ended_at IS NOT NULL
  AND ($1::timestamptz IS NULL OR entered_at >= $1)
  AND ($2::timestamptz IS NULL OR entered_at < $2)
  AND ($3::text IS NULL OR centre = $3)
  AND ($4::timestamptz IS NULL OR (entered_at, id) > ($4, $5::text))
ORDER BY entered_at, id
LIMIT $6;

-- name: steps_of_calls
SELECT * FROM ivr.steps WHERE call = ANY ($1::text[]) ORDER BY call, seq, idx;
