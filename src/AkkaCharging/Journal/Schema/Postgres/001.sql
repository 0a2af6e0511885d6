-- Room in each page lets a decision stay beside its request without a new index entry: so no index may name a column
-- that a decision changes, its condition included. Times are .NET ticks (100 ns, UTC), states and reasons are names.
CREATE TABLE charging_request (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    id uuid PRIMARY KEY,
    epoch bigint NOT NULL,
    lane smallint NOT NULL DEFAULT 0,
    station text NOT NULL,
    token_masked text NOT NULL,
    token_fingerprint bytea NOT NULL,
    destination text NOT NULL,
    secrets bytea,
    api_key text,
    accepted_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    trace text,
    state text NOT NULL DEFAULT 'queued',
    status text,
    reason text,
    decided_at bigint,
    settled_at bigint,
    attempts text NOT NULL DEFAULT '',
    attempts_made integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX charging_request_unsettled ON charging_request (seq) WHERE settled_at IS NULL;
CREATE INDEX charging_request_settled ON charging_request (settled_at) WHERE settled_at IS NOT NULL;
CREATE TABLE charging_idempotency (key_hash text PRIMARY KEY, body_hash text NOT NULL, id uuid NOT NULL, until bigint NOT NULL);
CREATE INDEX charging_idempotency_until ON charging_idempotency (until);
CREATE TABLE charging_owner (single boolean PRIMARY KEY DEFAULT true CHECK (single), epoch bigint NOT NULL, instance uuid NOT NULL, holder text NOT NULL);
CREATE TABLE charging_key (id text PRIMARY KEY);
CREATE TABLE charging_meta (name text PRIMARY KEY, value bytea NOT NULL);
COMMENT ON COLUMN charging_request.epoch IS 'the term of the owner that accepted it';
COMMENT ON COLUMN charging_request.secrets IS 'driver token and callback URL, encrypted; null once delivered or expired';
