CREATE INDEX charging_request_leaving ON charging_request (coalesce(api_key, ''), settled_at) WHERE settled_at IS NOT NULL AND secrets IS NULL;
CREATE INDEX charging_request_leaving_dead ON charging_request (coalesce(api_key, ''), settled_at) WHERE settled_at IS NOT NULL AND secrets IS NOT NULL;
CREATE INDEX charging_idempotency_request ON charging_idempotency (id); -- a key leaves with its request
