-- Conservation: whoever arrived has an outcome or is still here. And a position for each file of the journal.
-- depends: 0002.surveys

ALTER TABLE ivr.journal_position DROP CONSTRAINT journal_position_pkey;
ALTER TABLE ivr.journal_position ADD PRIMARY KEY (node, file);
ALTER TABLE ivr.journal_position ADD COLUMN lost_at timestamptz;
-- Not by a time: the clock may have been stepped.
ALTER TABLE ivr.journal_position ADD COLUMN moved bigint GENERATED ALWAYS AS IDENTITY;
COMMENT ON COLUMN ivr.journal_position.moved IS 'The greatest one is of the file that was read last.';
COMMENT ON TABLE ivr.journal_position IS 'How far each file of the journal is in the record.';
COMMENT ON COLUMN ivr.journal_position.lost_at IS 'The file was gone before its end was seen.';
CREATE INDEX torn_by_time ON ivr.torn (read_at);

ALTER TABLE ivr.calls ADD COLUMN day date;
UPDATE ivr.calls SET day = (entered_at AT TIME ZONE 'Asia/Seoul')::date;
ALTER TABLE ivr.calls ALTER COLUMN day SET NOT NULL;
COMMENT ON COLUMN ivr.calls.day IS 'The day on which it entered, in the time zone of its centre.';
CREATE INDEX calls_by_day ON ivr.calls (day, id);

CREATE TABLE ivr.daily_totals (
    node            text NOT NULL,
    centre          text NOT NULL,
    day             date NOT NULL,
    arrived         integer NOT NULL,
    open            integer NOT NULL DEFAULT 0 CHECK (open >= 0),
    answered        integer NOT NULL DEFAULT 0 CHECK (answered >= 0),
    self_served     integer NOT NULL DEFAULT 0 CHECK (self_served >= 0),
    message_saved   integer NOT NULL DEFAULT 0 CHECK (message_saved >= 0),
    callback_queued integer NOT NULL DEFAULT 0 CHECK (callback_queued >= 0),
    abandoned       integer NOT NULL DEFAULT 0 CHECK (abandoned >= 0),
    blocked         integer NOT NULL DEFAULT 0 CHECK (blocked >= 0),
    failed          integer NOT NULL DEFAULT 0 CHECK (failed >= 0),
    PRIMARY KEY (node, centre, day),
    CONSTRAINT conservation CHECK (arrived = open + answered + self_served + message_saved + callback_queued
        + abandoned + blocked + failed)
);
COMMENT ON TABLE ivr.daily_totals IS 'Inbound calls by centre, day and outcome, kept by the trigger on ivr.calls alone.';
COMMENT ON COLUMN ivr.daily_totals.centre IS 'Empty for calls that reached no centre.';
COMMENT ON COLUMN ivr.daily_totals.node IS 'Nodes keep totals of their own, so that they never wait for each other.';

INSERT INTO ivr.daily_totals
    (node, centre, day, arrived, open, answered, self_served, message_saved, callback_queued, abandoned, blocked, failed)
SELECT node, COALESCE(centre, ''), day, count(*),
    count(*) FILTER (WHERE outcome IS NULL),
    count(*) FILTER (WHERE outcome = 'answered'),
    count(*) FILTER (WHERE outcome = 'self_served'),
    count(*) FILTER (WHERE outcome = 'message_saved'),
    count(*) FILTER (WHERE outcome = 'callback_queued'),
    count(*) FILTER (WHERE outcome = 'abandoned'),
    count(*) FILTER (WHERE outcome = 'blocked'),
    count(*) FILTER (WHERE outcome = 'failed')
FROM ivr.calls WHERE kind = 'inbound' GROUP BY 1, 2, 3;

-- Adds calls (or takes them away) in one column of a day; `arrived` follows in the same statement or the CHECK refuses it.
CREATE FUNCTION ivr.count_call(the_node text, the_centre text, the_day date, the_outcome text, by integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    what text := COALESCE(the_outcome, 'open');
BEGIN
    INSERT INTO ivr.daily_totals AS t
        (node, centre, day, arrived, open, answered, self_served, message_saved, callback_queued, abandoned, blocked, failed)
    VALUES (the_node, COALESCE(the_centre, ''), the_day, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    ON CONFLICT DO NOTHING;
    UPDATE ivr.daily_totals SET
        arrived = arrived + by,
        open = open + CASE what WHEN 'open' THEN by ELSE 0 END,
        answered = answered + CASE what WHEN 'answered' THEN by ELSE 0 END,
        self_served = self_served + CASE what WHEN 'self_served' THEN by ELSE 0 END,
        message_saved = message_saved + CASE what WHEN 'message_saved' THEN by ELSE 0 END,
        callback_queued = callback_queued + CASE what WHEN 'callback_queued' THEN by ELSE 0 END,
        abandoned = abandoned + CASE what WHEN 'abandoned' THEN by ELSE 0 END,
        blocked = blocked + CASE what WHEN 'blocked' THEN by ELSE 0 END,
        failed = failed + CASE what WHEN 'failed' THEN by ELSE 0 END
    WHERE node = the_node AND centre = COALESCE(the_centre, '') AND day = the_day;
END $$;

CREATE FUNCTION ivr.keep_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.kind = 'inbound' THEN
        PERFORM ivr.count_call(OLD.node, OLD.centre, OLD.day, OLD.outcome, -1);
    END IF;
    IF NEW.kind = 'inbound' THEN
        PERFORM ivr.count_call(NEW.node, NEW.centre, NEW.day, NEW.outcome, 1);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER keep_totals_of_new AFTER INSERT ON ivr.calls FOR EACH ROW EXECUTE FUNCTION ivr.keep_totals();
CREATE TRIGGER keep_totals AFTER UPDATE ON ivr.calls FOR EACH ROW
    WHEN ((OLD.node, OLD.kind, OLD.day) IS DISTINCT FROM (NEW.node, NEW.kind, NEW.day)
        OR OLD.centre IS DISTINCT FROM NEW.centre OR OLD.outcome IS DISTINCT FROM NEW.outcome)
    EXECUTE FUNCTION ivr.keep_totals();

-- Whoever called has called: a call may change as its journal is read, but it never goes away.
CREATE FUNCTION ivr.refuse_call_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a call is never removed from the record' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON ivr.calls
    FOR EACH STATEMENT EXECUTE FUNCTION ivr.refuse_call_loss();
CREATE TRIGGER never_renamed BEFORE UPDATE ON ivr.calls FOR EACH ROW
    WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION ivr.refuse_call_loss();

CREATE FUNCTION ivr.refuse_total() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'totals follow from the calls and from nothing else' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER follow_calls BEFORE INSERT OR UPDATE OR DELETE ON ivr.daily_totals
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ivr.refuse_total();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON ivr.daily_totals
    FOR EACH STATEMENT EXECUTE FUNCTION ivr.refuse_total();

-- Whose first or last line is in the record, that call is too, at the end of the same transaction.
CREATE FUNCTION ivr.require_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ivr.calls WHERE id = NEW.call) THEN
        RAISE EXCEPTION 'events of call % without the call', NEW.call USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER events_have_calls AFTER INSERT ON ivr.events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.call <> '' AND NEW.type IN ('CHAN_START', 'LINKEDID_END'))
    EXECUTE FUNCTION ivr.require_call();
