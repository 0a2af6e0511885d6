namespace AkkaCharging.Authorization;

/// <summary>The names of a charging station in partner systems: its row of <c>authorization.stationsFile</c>.</summary>
/// <param name="LocationId">The id of the OCPI location, up to 36 characters; null when the row has none.</param>
/// <param name="EvseUids">The ids of the OCPI EVSEs at that location, up to 36 characters each; may be empty.</param>
/// <param name="ExternalId">The id of the station in the operator's own database, such as a charge box id; null when
/// the row has none.</param>
/// <param name="Group">The group that the station belongs to; null when the row has none.</param>
public sealed record StationMapping(
    string? LocationId,
    IReadOnlyList<string> EvseUids,
    string? ExternalId = null,
    string? Group = null
);
