ALTER TABLE request ADD COLUMN exact_reason TEXT; -- the reason, where older versions do not know it; null where reason says it
ALTER TABLE request ADD COLUMN details BLOB;      -- what the authorizer told beyond yes or no, encrypted
