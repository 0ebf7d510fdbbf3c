-- Scores that callers gave.

CREATE TABLE ivr.surveys (
    call        text NOT NULL,
    seq         integer NOT NULL,
    idx         integer NOT NULL,
    at          timestamptz NOT NULL,
    node        text NOT NULL,
    metric      text NOT NULL CHECK (metric IN ('csat', 'nps')),
    lowest      smallint NOT NULL,
    highest     smallint NOT NULL,
    score       smallint NOT NULL,
    of_agent    boolean NOT NULL,
    agent       text,
    queue       text,
    language    text,
    category    text,
    PRIMARY KEY (call, seq, idx),
    CONSTRAINT within_scale CHECK (score BETWEEN lowest AND highest)
);
COMMENT ON TABLE ivr.surveys IS 'Scores that callers gave by key.';
COMMENT ON COLUMN ivr.surveys.of_agent IS 'Whether the agent was judged, or the service as a whole.';
COMMENT ON COLUMN ivr.surveys.agent IS 'Who talked to the caller last before the score; null when nobody did.';
CREATE INDEX surveys_by_time ON ivr.surveys (metric, at);
CREATE INDEX surveys_by_agent ON ivr.surveys (agent, at) WHERE agent IS NOT NULL;
