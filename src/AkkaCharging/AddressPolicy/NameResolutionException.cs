namespace AkkaCharging.AddressPolicy;

/// <summary>Why a name has no address; each of them may pass, so a delivery is tried again.</summary>
internal enum NameResolutionFailure
{
    /// <summary>The name does not exist or has no address.</summary>
    NotFound,

    /// <summary>The name servers did not answer in time.</summary>
    TimedOut,

    /// <summary>
    /// Too many other names are being looked up, or the process has no file handle left; this one was not asked for.
    /// </summary>
    Overloaded,

    /// <summary>
    /// The system's resolver failed while this process could open no file; that says nothing about the name.
    /// </summary>
    OutOfFiles,
}

/// <summary>A name could not be resolved.</summary>
internal sealed class NameResolutionException(string host, NameResolutionFailure kind, Exception? inner = null)
    : Exception($"No address for '{host}': {kind}.", inner)
{
    /// <summary>What went wrong.</summary>
    public NameResolutionFailure Kind { get; } = kind;
}
