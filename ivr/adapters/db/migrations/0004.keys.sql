-- Retention: what was destroyed when its time was over, and by whom.
-- depends: 0003.conservation

ALTER TABLE ivr.calls ADD COLUMN purged_at timestamptz;
ALTER TABLE ivr.messages ADD COLUMN purged_at timestamptz;
ALTER TABLE ivr.recordings ADD COLUMN purged_at timestamptz;
COMMENT ON COLUMN ivr.calls.purged_at IS 'When the personal data of the call was destroyed; its figures stay.';
COMMENT ON COLUMN ivr.messages.purged_at IS 'When the recording was destroyed; sha256 still says what it was.';
COMMENT ON COLUMN ivr.recordings.purged_at IS 'When the recording was destroyed; sha256 still says what it was.';
CREATE INDEX calls_not_purged ON ivr.calls (entered_at) WHERE purged_at IS NULL;

CREATE TABLE ivr.purges (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at    timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    who         text NOT NULL,
    centre      text NOT NULL,
    as_of       timestamptz NOT NULL,
    messages    integer NOT NULL DEFAULT 0 CHECK (messages >= 0),
    talks       integer NOT NULL DEFAULT 0 CHECK (talks >= 0),
    days        integer NOT NULL DEFAULT 0 CHECK (days >= 0),
    calls       integer NOT NULL DEFAULT 0 CHECK (calls >= 0),
    callbacks   integer NOT NULL DEFAULT 0 CHECK (callbacks >= 0),
    unmade      integer NOT NULL DEFAULT 0 CHECK (unmade >= 0)
);
COMMENT ON TABLE ivr.purges IS 'What was destroyed when its time was over: written before, completed after (ended_at).';
COMMENT ON COLUMN ivr.purges.centre IS 'A centre, _fallback (recorded by the dialplan alone) or _ (callers of no centre).';
COMMENT ON COLUMN ivr.purges.days IS 'Days whose key was destroyed: what is sealed under it is noise in every copy.';
COMMENT ON COLUMN ivr.purges.unmade IS 'Those of the callbacks that were still open.';
