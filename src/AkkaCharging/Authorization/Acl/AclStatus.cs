namespace AkkaCharging.Authorization.Acl;

/// <summary>The status of the access list, for health and metrics.</summary>
/// <param name="RuleCount">Number of rules in force.</param>
/// <param name="LoadedAt">When the rules in force were loaded.</param>
/// <param name="LastError">Why the latest reload failed, with line numbers and without tokens; null when it
/// succeeded.</param>
/// <param name="Reloads">Number of successful reloads since the start.</param>
/// <param name="FailedReloads">Number of failed reloads since the start.</param>
internal sealed record AclStatus(
    int RuleCount,
    DateTimeOffset LoadedAt,
    string? LastError,
    long Reloads,
    long FailedReloads
)
{
    /// <summary>Whether the list in force is older than the file, because the file is broken or missing.</summary>
    public bool LastReloadFailed => LastError is not null;
}

/// <summary>The result of one reload of the access list.</summary>
/// <param name="Status">The status after the reload.</param>
/// <param name="Problems">Why the reload failed, with line numbers where known; empty after success.</param>
/// <param name="Duration">How long the file took to read.</param>
internal sealed record AclReload(AclStatus Status, IReadOnlyList<string> Problems, TimeSpan Duration)
{
    /// <summary>Whether the new list is in force.</summary>
    public bool Succeeded => Problems.Count == 0;
}
