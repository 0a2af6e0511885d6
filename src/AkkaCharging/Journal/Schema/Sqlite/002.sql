ALTER TABLE request ADD COLUMN redriven_at INTEGER; -- last time; null for a request that never was a dead letter, or was not redriven
CREATE INDEX request_dead ON request(settled_at, id) WHERE settled_at IS NOT NULL AND secrets IS NOT NULL;
CREATE INDEX request_dead_destination ON request(destination, settled_at, id) WHERE settled_at IS NOT NULL AND secrets IS NOT NULL;
