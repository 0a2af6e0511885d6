CREATE TABLE request (
    seq INTEGER PRIMARY KEY,            -- order of acceptance
    id BLOB NOT NULL UNIQUE,
    station TEXT NOT NULL,
    token_masked TEXT NOT NULL,
    token_fingerprint BLOB NOT NULL,
    destination TEXT NOT NULL,          -- scheme://host:port
    secrets BLOB,                       -- driver token and callback URL, encrypted; null once delivered or expired
    api_key TEXT,
    accepted_at INTEGER NOT NULL,       -- times in ticks of 100 ns
    expires_at INTEGER NOT NULL,
    trace TEXT,
    state TEXT NOT NULL,
    status TEXT,
    reason TEXT,
    decided_at INTEGER,
    settled_at INTEGER,
    attempts TEXT NOT NULL DEFAULT '',
    attempts_made INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX request_unsettled ON request(seq) WHERE settled_at IS NULL;
CREATE INDEX request_settled ON request(settled_at) WHERE settled_at IS NOT NULL;
CREATE TABLE idempotency (key_hash TEXT PRIMARY KEY, body_hash TEXT NOT NULL, id BLOB NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX idempotency_until ON idempotency(until);
CREATE TABLE encryption_key (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
