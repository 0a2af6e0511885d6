-- Decisions from the database of SteVe (MariaDB or MySQL; since schema 1.0.5): authorization.sql.kind = mysql.
-- In the order of SteVe: an unknown tag, a blocked one (no transaction allowed), an expired one, one that charges
-- already as often as it may. A negative max_active_transaction_count allows any number of transactions.
-- Not the view ocpp_tag_activity: it computes all tags and transactions for each question.
-- The column's collation compares without regard to case. Times are UTC, as the session is.
select
    case
        when t.max_active_transaction_count = 0 then 'blocked'
        when t.expiry_date <= utc_timestamp(6) then 'expired'
        when t.max_active_transaction_count > 0 and (
            select count(*)
            from transaction_start s
            where s.id_tag = t.id_tag
              and not exists (select 1 from transaction_stop e where e.transaction_pk = s.transaction_pk)
        ) >= t.max_active_transaction_count then 'concurrent_session'
        else 'allowed'
    end as decision,
    t.parent_id_tag as group_id,
    t.expiry_date as valid_until
from ocpp_tag t
where t.id_tag = @token;
