-- The state of the bridge as version 1 made it.
CREATE TABLE incidents (            -- one open period of a group; one that fires again gets a new row
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never reused: it names the incident outside too
    source TEXT NOT NULL,
    group_key TEXT NOT NULL,
    labels TEXT NOT NULL,           -- JSON: what all alerts of the last snapshot share
    annotations TEXT NOT NULL,
    external_url TEXT NOT NULL,
    rank INTEGER NOT NULL,          -- of the most urgent open alert
    truncated INTEGER NOT NULL,     -- alerts that the last snapshot left out
    unreadable INTEGER NOT NULL,
    snapshot_at REAL NOT NULL,      -- arrival of the group's last snapshot
    began_at REAL NOT NULL,         -- by the alerts' own times
    opened_at REAL NOT NULL,        -- by ours
    changed_at REAL NOT NULL,
    ended_at REAL,
    closed_at REAL,
    close_reason TEXT
);
CREATE UNIQUE INDEX incidents_open ON incidents (source, group_key) WHERE closed_at IS NULL;
CREATE INDEX incidents_group ON incidents (source, group_key, id);
CREATE INDEX incidents_closed ON incidents (closed_at);

CREATE TABLE episodes (             -- one firing of one alert, from startsAt to its end
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    starts_at_ns INTEGER NOT NULL,
    occurrence INTEGER NOT NULL,    -- 0; above for a start that fired again long after it was closed
    incident_id INTEGER REFERENCES incidents (id) ON DELETE CASCADE,    -- NULL: its firing was never heard of
    rank INTEGER NOT NULL,
    severity TEXT NOT NULL,
    model_name TEXT NOT NULL,
    feature_name TEXT NOT NULL,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    seen_at REAL NOT NULL,
    ended_at REAL,
    closed_at REAL,
    close_reason TEXT,
    UNIQUE (source, fingerprint, starts_at_ns, occurrence)
);
CREATE UNIQUE INDEX episodes_open ON episodes (source, fingerprint) WHERE closed_at IS NULL;
CREATE INDEX episodes_incident ON episodes (incident_id, closed_at);
CREATE INDEX episodes_model ON episodes (model_name, incident_id);
CREATE INDEX episodes_closed ON episodes (closed_at);

CREATE TABLE deliveries (           -- what a destination should show of an incident, and what it shows
    id INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    incident_id INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    want_version INTEGER NOT NULL,
    sent_version INTEGER NOT NULL DEFAULT 0,
    want_line INTEGER NOT NULL,     -- id of the last audit row that belongs in the thread
    told_line INTEGER NOT NULL DEFAULT 0,
    wanted_at REAL NOT NULL,        -- since when there is something to send
    editable INTEGER NOT NULL,      -- of the destination; the next two of the incident: see `queue`
    rank INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    channel TEXT,                   -- Slack's id of the channel, from its answer
    ts TEXT,                        -- Slack's id of the root message
    call_kind TEXT,                 -- post, update or reply: begun and not known to have ended
    call_version INTEGER,
    call_line INTEGER,
    message_id TEXT,                -- our id inside the message begun, to find it again
    begun_at REAL,
    failures INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL DEFAULT 0,
    plain INTEGER NOT NULL DEFAULT 0,   -- 1: the blocks were refused, send text alone
    -- What comes next for the row, and how urgent that is; `outbox` has the meanings.
    queue INTEGER GENERATED ALWAYS AS (
        CASE WHEN call_kind IN ('post', 'reply') THEN 0
             WHEN ts IS NULL OR NOT editable THEN CASE WHEN closed THEN 3 WHEN rank = 0 THEN 1 ELSE 2 END
             WHEN want_version > sent_version THEN CASE WHEN closed THEN 4 ELSE 5 END
             ELSE 6 END
    ) VIRTUAL,
    UNIQUE (destination, incident_id)
);
CREATE INDEX deliveries_due ON deliveries (destination, due_at)
    WHERE want_version > sent_version OR want_line > told_line;
CREATE INDEX deliveries_queue ON deliveries (destination, queue, wanted_at, id)
    WHERE want_version > sent_version OR want_line > told_line;
CREATE VIEW waiting AS SELECT * FROM deliveries WHERE want_version > sent_version OR want_line > told_line;
CREATE INDEX deliveries_incident ON deliveries (incident_id);

CREATE TABLE destinations (
    name TEXT PRIMARY KEY,
    editable INTEGER NOT NULL,      -- 1: messages can be changed and answered in a thread
    channel TEXT NOT NULL,          -- as configured, perhaps a name
    channel_id TEXT,                -- as Slack has answered
    failures INTEGER NOT NULL DEFAULT 0,
    retry_at REAL NOT NULL DEFAULT 0,
    parked_reason TEXT,
    parked_at REAL
);

CREATE TABLE paces (                -- token buckets, so that a restart does not forget a 429
    bucket TEXT PRIMARY KEY,
    tokens REAL NOT NULL,
    at REAL NOT NULL,
    not_before REAL NOT NULL
);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    incident_id INTEGER REFERENCES incidents (id) ON DELETE CASCADE,
    detail TEXT NOT NULL            -- JSON
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_incident ON audit (incident_id, id);

CREATE TABLE quarantine (           -- what could not be read, so that somebody can find out why
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    excerpt TEXT NOT NULL
);
PRAGMA application_id = 1685219138;
PRAGMA user_version = 1;
