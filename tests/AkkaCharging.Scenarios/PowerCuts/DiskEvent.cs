namespace AkkaCharging.Scenarios.PowerCuts;

/// <summary>What a service did, in the order in which its system calls began.</summary>
internal abstract record DiskEvent;

/// <summary>Bytes written to a file.</summary>
/// <param name="Descriptor">The descriptor that they were written through.</param>
internal sealed record Written(string File, int Descriptor, long Offset, byte[] Bytes) : DiskEvent
{
    /// <summary>Line of the trace at which the call returned; only a sync that began later covers it.</summary>
    public int ReturnedAt { get; set; } = int.MaxValue;
}

/// <summary>A sync that succeeded, at its return.</summary>
/// <param name="BeganAt">Line of the trace at which the call began.</param>
internal sealed record Synced(string File, int BeganAt) : DiskEvent;

/// <summary>A sync that failed, at its return.</summary>
/// <param name="Descriptor">The descriptor that was told.</param>
/// <param name="BeganAt">Line of the trace at which the call began.</param>
internal sealed record SyncFailed(string File, int Descriptor, int BeganAt) : DiskEvent;

/// <summary>A file was cut to a length.</summary>
internal sealed record Truncated(string File, long Length) : DiskEvent;

/// <summary>A file was removed.</summary>
internal sealed record Removed(string File) : DiskEvent;

/// <summary>The answer 200 to the submission of a request is sent.</summary>
internal sealed record Answered200(string RequestId) : DiskEvent;

/// <summary>A callback with the decision of a request is sent.</summary>
internal sealed record CalledBack(string RequestId) : DiskEvent;
