-- Decisions from the database of citrineos (PostgreSQL; schema since June 2025): authorization.sql.kind = postgres.
-- Change the tenant in the last line if yours is another one.
-- The cast to citext is needed: without it the comparison regards case and reads the whole table.
-- One identifier may be stored under several types. A token that names its type finds its own row; one that names none
-- and has several rows is not decided (unknown, authorizer_error). RFID stands for both kinds of cards.
-- "concurrentTransaction" is read as citrineos does for OCPP 2.0.1: true means that a second transaction is refused.
select
    case
        when a.status = 'Blocked' then 'blocked'
        when a.status = 'Expired' then 'expired'
        when a.status = 'NoCredit' then 'no_credit'
        when a.status = 'ConcurrentTx' then 'concurrent_session'
        when a.status in ('NotAllowedTypeEVSE', 'NotAtThisLocation', 'NotAtThisTime') then 'station_not_allowed'
        when a.status <> 'Accepted' then 'not_in_acl'
        when a."cacheExpiryDateTime" <= now() then 'expired'
        when a."concurrentTransaction" and exists (
            select 1 from "Transactions" x where x."authorizationId" = a.id and x."isActive"
        ) then 'concurrent_session'
        else 'allowed'
    end as decision,
    g."idToken"::text as group_id,
    p."countryCode" || p."partyId" as party,
    a."cacheExpiryDateTime" as valid_until
from "Authorizations" a
left join "Authorizations" g on g.id = a."groupAuthorizationId"
left join "TenantPartners" p on p.id = a."tenantPartnerId"
where a."idToken" = @token::citext
  and (
      @type::text is null
      or lower(a."idTokenType") = lower(@type::text)
      or (@type::text = 'RFID' and a."idTokenType" in ('ISO14443', 'ISO15693'))
  )
  and a."tenantId" = 1;
