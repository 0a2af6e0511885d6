CREATE INDEX charging_request_unsettled_lane ON charging_request (lane, seq) WHERE settled_at IS NULL;
DROP INDEX charging_request_unsettled;
CREATE TABLE charging_node (instance uuid PRIMARY KEY, holder text NOT NULL, version bigint NOT NULL DEFAULT 1);
CREATE TABLE charging_lane (lane smallint PRIMARY KEY, epoch bigint NOT NULL DEFAULT 0, owner uuid, taken_at bigint);
COMMENT ON COLUMN charging_request.epoch IS 'the term of the owner that accepted it, or redrove it last; in a cluster the term of its lane';
COMMENT ON TABLE charging_node IS 'the nodes of a cluster; a version is raised before a lane is taken away from its node';
CREATE FUNCTION charging_fence(node uuid, known bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM charging_node WHERE instance = node AND version = known FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'lanes were taken from this node' USING ERRCODE = 'AKC01';
    END IF;
END $$;
CREATE FUNCTION charging_take(wanted smallint, node uuid, now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    former uuid;
    term bigint;
BEGIN
    SELECT owner INTO former FROM charging_lane WHERE lane = wanted FOR UPDATE;
    IF former <> node THEN
        UPDATE charging_node SET version = version + 1 WHERE instance = former; -- waits for what it is committing
    END IF;
    INSERT INTO charging_owner AS last (epoch, instance, holder) SELECT 1, node, holder FROM charging_node WHERE instance = node
        ON CONFLICT (single) DO UPDATE SET epoch = last.epoch + 1, instance = excluded.instance, holder = excluded.holder
        RETURNING last.epoch INTO term; -- no term is ever used twice, in a cluster or before it
    UPDATE charging_lane SET epoch = term, owner = node, taken_at = now WHERE lane = wanted;
    RETURN term;
END $$;
