-- Which ways of a flow callers take.

-- name: count_ways
SELECT s.node, s.to_node, count(*) AS calls
FROM ivr.steps s JOIN ivr.calls c ON c.id = s.call
WHERE c.centre = $1 AND s.to_node IS NOT NULL AND s.to_node <> s.node
  AND ($2::timestamptz IS NULL OR c.entered_at >= $2)
  AND ($3::timestamptz IS NULL OR c.entered_at < $3)
GROUP BY s.node, s.to_node;
