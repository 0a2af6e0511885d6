namespace AkkaCharging.Authorization;

/// <summary>What partners call a charging station: its row of <c>authorization.stationsFile</c>.</summary>
/// <param name="LocationId">The location of OCPI, up to 36 characters; null when the row names none.</param>
/// <param name="EvseUids">The EVSEs of OCPI at that location, up to 36 characters each; may be empty.</param>
/// <param name="ExternalId">The station in the operator's own database, such as a charge box id; null when the row
/// names none.</param>
/// <param name="Group">A group of stations; null when the row names none.</param>
public sealed record StationMapping(
    string? LocationId,
    IReadOnlyList<string> EvseUids,
    string? ExternalId = null,
    string? Group = null
);
