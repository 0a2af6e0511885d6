namespace AkkaCharging.Authorization.Acl;

/// <summary>How the access list is doing: for health and metrics.</summary>
/// <param name="RuleCount">Rules in force.</param>
/// <param name="LoadedAt">When they were loaded.</param>
/// <param name="LastError">Why the latest reload failed, with line numbers and without tokens; null when it did
/// not.</param>
/// <param name="Reloads">Successful reloads since the start.</param>
/// <param name="FailedReloads">Failed reloads since the start.</param>
internal sealed record AclStatus(
    int RuleCount,
    DateTimeOffset LoadedAt,
    string? LastError,
    long Reloads,
    long FailedReloads
)
{
    /// <summary>Whether the list in force is older than the file, because the file is broken or gone.</summary>
    public bool LastReloadFailed => LastError is not null;
}

/// <summary>What came of one reload.</summary>
/// <param name="Status">After it.</param>
/// <param name="Problems">Why it failed, each with its line number where it has one; empty after success.</param>
/// <param name="Duration">Of reading the file.</param>
internal sealed record AclReload(AclStatus Status, IReadOnlyList<string> Problems, TimeSpan Duration)
{
    /// <summary>Whether the new list is in force.</summary>
    public bool Succeeded => Problems.Count == 0;
}
