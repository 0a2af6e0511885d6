CREATE INDEX request_leaving ON request(api_key, secrets IS NOT NULL, settled_at) WHERE settled_at IS NOT NULL; -- the oldest of each caller
DROP INDEX request_settled;
CREATE INDEX idempotency_request ON idempotency(id); -- a key leaves with its request
