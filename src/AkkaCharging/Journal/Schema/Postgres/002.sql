ALTER TABLE charging_request ADD COLUMN redriven_at bigint;
CREATE INDEX charging_request_dead ON charging_request (settled_at, id) WHERE settled_at IS NOT NULL AND secrets IS NOT NULL;
CREATE INDEX charging_request_dead_destination ON charging_request (destination, settled_at, id) WHERE settled_at IS NOT NULL AND secrets IS NOT NULL;
COMMENT ON COLUMN charging_request.epoch IS 'the term of the owner that accepted it, or redrove it last';
