ALTER TABLE charging_request ADD COLUMN exact_reason text; -- the reason, where older versions do not know it; null where reason says it
ALTER TABLE charging_request ADD COLUMN details bytea;      -- what the authorizer told beyond yes or no, encrypted
