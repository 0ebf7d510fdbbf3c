-- The record of calls. Forward only: a change is a new file.
-- Times are the journal's; `journal_position` moves in the same transaction as everything derived from it.

CREATE SCHEMA IF NOT EXISTS ivr;

CREATE TABLE ivr.journal_position (
    node        text PRIMARY KEY,
    file        text NOT NULL,
    started     double precision NOT NULL,
    read_to     bigint NOT NULL CHECK (read_to >= 0),
    moved_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ivr.events (
    node        text NOT NULL,
    file        text NOT NULL,
    at_byte     bigint NOT NULL,
    number      bigint GENERATED ALWAYS AS IDENTITY,
    type        text NOT NULL,
    user_type   text NOT NULL,
    at          timestamptz NOT NULL,
    channel     text NOT NULL,
    unique_id   text NOT NULL,
    call        text NOT NULL,
    exten       text NOT NULL,
    context     text NOT NULL,
    app         text NOT NULL,
    peer        text NOT NULL,
    extra       text NOT NULL,
    PRIMARY KEY (node, file, at_byte)
);
COMMENT ON TABLE ivr.events IS 'The journal as read, append-only; every other table of calls can be derived from it again.';
CREATE INDEX events_by_call ON ivr.events (call, number);

CREATE TABLE ivr.torn (
    node        text NOT NULL,
    file        text NOT NULL,
    at_byte     bigint NOT NULL,
    line        text NOT NULL,
    reason      text NOT NULL,
    read_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node, file, at_byte)
);
COMMENT ON TABLE ivr.torn IS 'Lines of the journal that are no events.';

CREATE TABLE ivr.calls (
    id          text PRIMARY KEY,
    node        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('inbound', 'internal', 'outbound')),
    dnis        text NOT NULL,
    centre      text,
    version     text,
    language    text,
    category    text,
    caller      text,
    caller_key  text,
    queue       text,
    entered_at  timestamptz NOT NULL,
    business_at timestamptz,
    queued_at   timestamptz,
    answered_at timestamptz,
    ended_at    timestamptz,
    ended_by    text CHECK (ended_by IN ('caller', 'agent', 'system')),
    outcome     text CHECK (outcome IN
        ('answered', 'self_served', 'message_saved', 'callback_queued', 'abandoned', 'blocked', 'failed')),
    end_reason  text,
    faults      text[] NOT NULL DEFAULT '{}',
    -- Every ended call of a caller has exactly one outcome, and no other call has any.
    CONSTRAINT one_outcome CHECK ((outcome IS NOT NULL) = (kind = 'inbound' AND ended_at IS NOT NULL))
);
COMMENT ON COLUMN ivr.calls.id IS 'LinkedID of Asterisk, unique across nodes by its system name.';
COMMENT ON COLUMN ivr.calls.caller IS 'Sealed; caller_key is a keyed hash that finds equal numbers.';
CREATE INDEX calls_by_entry ON ivr.calls (entered_at DESC);
CREATE INDEX calls_by_caller ON ivr.calls (caller_key) WHERE caller_key IS NOT NULL;
CREATE INDEX calls_open ON ivr.calls (node) WHERE ended_at IS NULL;

-- No foreign keys to calls: all rows of a call come from one derivation and one transaction.

CREATE TABLE ivr.legs (
    call         text NOT NULL,
    id           text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('caller', 'agent', 'transfer', 'callback', 'other')),
    agent        text,
    state        text NOT NULL CHECK (state IN ('absent', 'offered', 'up', 'talking', 'ended')),
    created_at   timestamptz NOT NULL,
    ringing_at   timestamptz,
    answered_at  timestamptz,
    ended_at     timestamptz,
    hangup_cause integer,
    ended_by     text CHECK (ended_by IN ('caller', 'agent', 'system')),
    talk_s       double precision NOT NULL CHECK (talk_s >= 0),
    PRIMARY KEY (call, id)
);
COMMENT ON COLUMN ivr.legs.id IS 'UniqueID of the channel.';
COMMENT ON COLUMN ivr.legs.ringing_at IS 'When the phone was called; the journal does not say when it began to ring.';
CREATE INDEX legs_by_agent ON ivr.legs (agent, created_at) WHERE agent IS NOT NULL;

CREATE TABLE ivr.steps (
    call        text NOT NULL,
    seq         integer NOT NULL,
    idx         integer NOT NULL,
    at          timestamptz NOT NULL,
    node        text NOT NULL,
    kind        text NOT NULL,
    phase       text,
    heard       text NOT NULL,
    result      text,
    got         text,
    to_node     text,
    language    text,
    category    text,
    PRIMARY KEY (call, seq, idx)
);
COMMENT ON COLUMN ivr.steps.heard IS 'Prompt keys, separated by one space.';
COMMENT ON COLUMN ivr.steps.got IS 'Digits; a sealed token when the node is personal.';

CREATE TABLE ivr.messages (
    call        text NOT NULL,
    take        integer NOT NULL,
    file        text NOT NULL,
    recorded_at timestamptz NOT NULL,
    state       text NOT NULL CHECK (state IN ('recording', 'kept', 'discarded', 'empty')),
    seconds     double precision CHECK (seconds > 0),
    sha256      text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    language    text,
    category    text,
    data        text,
    PRIMARY KEY (call, take)
);
COMMENT ON COLUMN ivr.messages.file IS 'Relative to the recordings folder.';
COMMENT ON COLUMN ivr.messages.data IS 'Customer data, sealed JSON.';

CREATE TABLE ivr.recordings (
    call        text NOT NULL,
    file        text NOT NULL,
    began_at    timestamptz NOT NULL,
    seconds     double precision,
    sha256      text,
    PRIMARY KEY (call, file)
);
COMMENT ON TABLE ivr.recordings IS 'Recorded conversations.';

CREATE TABLE ivr.agent_events (
    call        text NOT NULL,
    seq         integer NOT NULL,
    idx         integer NOT NULL,
    at          timestamptz NOT NULL,
    agent       text NOT NULL,
    action      text NOT NULL,
    queues      text NOT NULL,
    PRIMARY KEY (call, seq, idx)
);
COMMENT ON TABLE ivr.agent_events IS 'Logins, logouts, pauses and returns of agents, by the service call that asked for it.';
CREATE INDEX agent_events_by_agent ON ivr.agent_events (agent, at);

-- A callback is work to do. Requests of one number for one subject at one centre join into the open item.
CREATE TABLE ivr.callbacks (
    id          text PRIMARY KEY,
    centre      text NOT NULL,
    category    text,
    language    text,
    origin      text NOT NULL,
    number      text NOT NULL,
    number_key  text NOT NULL,
    data        text,
    asked_at    timestamptz NOT NULL,
    due         timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'claimed', 'done', 'exhausted', 'expired', 'cancelled')),
    attempts    integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    requests    integer NOT NULL DEFAULT 1 CHECK (requests >= 1)
);
COMMENT ON COLUMN ivr.callbacks.id IS 'Call id and number of the request within the call: of the first request.';
CREATE UNIQUE INDEX callbacks_one_open ON ivr.callbacks (centre, number_key, COALESCE(category, ''))
    WHERE state IN ('open', 'claimed');
CREATE INDEX callbacks_due ON ivr.callbacks (due) WHERE state = 'open';

CREATE TABLE ivr.callback_requests (
    id          text PRIMARY KEY,
    call        text NOT NULL,
    callback    text NOT NULL,
    asked_at    timestamptz NOT NULL,
    due         timestamptz NOT NULL,
    data        text
);
COMMENT ON TABLE ivr.callback_requests IS 'Every request once, and the item that it joined.';
CREATE INDEX callback_requests_by_call ON ivr.callback_requests (call);

CREATE TABLE ivr.vault (
    only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    key_fingerprint text NOT NULL,
    since           timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ivr.vault IS 'Which key seals this database; another one is refused at start.';

CREATE TABLE ivr.access_log (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    who         text NOT NULL,
    what        text NOT NULL,
    why         text NOT NULL
);
COMMENT ON TABLE ivr.access_log IS 'Who read personal data, when, and for which reason.';
