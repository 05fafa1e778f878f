"""The tables of the bridge's state, as SQL. Times are seconds since 1970 unless a name says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

APPLICATION_ID: Final = 0x64726742
"""ASCII `drgB`: tells our file from any other SQLite database."""
SCHEMA_VERSION: Final = 3

_WAITING: Final = """
CREATE INDEX deliveries_due ON deliveries (destination, due_at)
    WHERE digest_id IS NULL AND (want_version > sent_version OR want_line > told_line);
CREATE INDEX deliveries_queue ON deliveries (destination, queue, wanted_at, id)
    WHERE digest_id IS NULL AND (want_version > sent_version OR want_line > told_line);
CREATE VIEW waiting AS SELECT * FROM deliveries
    WHERE digest_id IS NULL AND (want_version > sent_version OR want_line > told_line);
CREATE INDEX deliveries_digest ON deliveries (digest_id) WHERE digest_id IS NOT NULL;
"""
"""What is to be sent: a row that a digest tells is not sent for itself."""

_ESCALATION: Final = """
CREATE TABLE timers (               -- what the escalation of an incident does next
    incident_id INTEGER PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    policy TEXT NOT NULL,           -- its name in the configuration
    round INTEGER NOT NULL,         -- 0; above when the steps are repeated
    step INTEGER NOT NULL,          -- the next one
    started_at REAL NOT NULL,       -- since when the waits of this round count
    held INTEGER NOT NULL DEFAULT 0,    -- 1: quiet hours keep the next step back
    due_at REAL NOT NULL            -- when to decide again; 0: at once
);
CREATE INDEX timers_due ON timers (due_at);

CREATE TABLE heartbeats (           -- signals that must not stop
    name TEXT PRIMARY KEY,
    seen_at REAL,                   -- when it last came; NULL: never
    silent_seconds REAL NOT NULL,   -- how long the bridge has listened since and not heard it
    checked_at REAL NOT NULL
);

CREATE TABLE digests (              -- incidents of our own, each of which tells of many others
    incident_id INTEGER PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    destination TEXT NOT NULL,
    kind TEXT NOT NULL,             -- storm, missed, catch_up or daily
    joining INTEGER NOT NULL        -- 1: new incidents are still added
);
CREATE INDEX digests_joining ON digests (destination, kind) WHERE joining;

CREATE TABLE members (              -- what a digest tells of
    digest_id INTEGER NOT NULL REFERENCES digests (incident_id) ON DELETE CASCADE,
    incident_id INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    joined_at REAL NOT NULL,
    PRIMARY KEY (digest_id, incident_id)
) WITHOUT ROWID;
CREATE INDEX members_incident ON members (incident_id);
CREATE INDEX members_joined ON members (digest_id, joined_at);

CREATE TABLE clicks (               -- actions that were taken, so that none is taken twice
    key TEXT PRIMARY KEY,
    at REAL NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX clicks_at ON clicks (at);
"""

_ACTIONS: Final = """
CREATE TABLE silences (             -- what Alertmanager is to be silent about; `incidents` has what it is
    incident_id INTEGER PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,       -- of the wish: what was done for an older one does not settle it
    until REAL,                     -- NULL: no silence
    wanted_by TEXT NOT NULL,
    wanted_at REAL NOT NULL,
    mark TEXT NOT NULL,             -- our id inside the comments of its silences, to find them again
    settled INTEGER NOT NULL,       -- 1: Alertmanager has done it, or cannot
    failures INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL
);

CREATE TABLE standings (            -- open alerts that Alertmanager was asked about and does not send
    episode_id INTEGER PRIMARY KEY REFERENCES episodes (id) ON DELETE CASCADE,
    state TEXT NOT NULL,            -- silenced, inhibited or gone
    since REAL NOT NULL
);
"""

_DAILIES: Final = """
CREATE TABLE dailies (              -- who gets the daily digest
    destination TEXT PRIMARY KEY,
    hours TEXT NOT NULL,            -- when, as configured
    since REAL NOT NULL             -- when that was first configured: no earlier hour is made up for
);
"""

TABLES: Final = f"""
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
    close_reason TEXT,
    acknowledged_at REAL,
    acknowledged_by TEXT,
    silenced_until REAL,
    silence_id TEXT,                -- of Alertmanager's silence
    group_labels TEXT NOT NULL DEFAULT '{{}}'   -- JSON: what a silence of the group must match
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
    digest_id INTEGER,              -- the incident of the digest that tells of it instead
    -- What comes next for the row, and how urgent that is; `outbox` has the meanings.
    queue INTEGER GENERATED ALWAYS AS (
        CASE WHEN call_kind IN ('post', 'reply') THEN 0
             WHEN ts IS NULL OR NOT editable THEN CASE WHEN closed THEN 3 WHEN rank = 0 THEN 1 ELSE 2 END
             WHEN want_version > sent_version THEN CASE WHEN closed THEN 4 ELSE 5 END
             ELSE 6 END
    ) VIRTUAL,
    UNIQUE (destination, incident_id)
);
{_WAITING}
CREATE INDEX deliveries_incident ON deliveries (incident_id);

CREATE TABLE destinations (
    name TEXT PRIMARY KEY,
    editable INTEGER NOT NULL,      -- 1: messages can be changed and answered in a thread
    kind TEXT NOT NULL DEFAULT 'slack',     -- what it is: a name that changes its kind is another destination
    channel TEXT NOT NULL,          -- as configured, perhaps a name; of another kind than Slack: its kind
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
    not_before REAL NOT NULL,
    share REAL NOT NULL DEFAULT 1   -- of the configured pace that is used; less after a 429
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
{_ESCALATION}{_ACTIONS}{_DAILIES}"""

UPGRADES: Final[Mapping[int, str]] = {
    1: f"""
ALTER TABLE incidents ADD COLUMN acknowledged_at REAL;
ALTER TABLE incidents ADD COLUMN acknowledged_by TEXT;
ALTER TABLE incidents ADD COLUMN silenced_until REAL;
ALTER TABLE incidents ADD COLUMN silence_id TEXT;
ALTER TABLE incidents ADD COLUMN group_labels TEXT NOT NULL DEFAULT '{{}}';
ALTER TABLE deliveries ADD COLUMN digest_id INTEGER;
ALTER TABLE paces ADD COLUMN share REAL NOT NULL DEFAULT 1;
DROP VIEW waiting;
DROP INDEX deliveries_due;
DROP INDEX deliveries_queue;
{_WAITING}
{_ESCALATION}
{_ACTIONS}
""",
    2: """
ALTER TABLE destinations ADD COLUMN kind TEXT NOT NULL DEFAULT 'slack';
UPDATE destinations SET kind = channel WHERE channel IN ('pagerduty', 'email', 'webhook', 'retraining');
"""
    + _DAILIES,
}
"""From a version to the next one, in place."""
