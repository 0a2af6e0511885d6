namespace AkkaCharging.AddressPolicy;

/// <summary>Why a name could not be resolved. Each reason may be temporary, so the delivery is retried.</summary>
internal enum NameResolutionFailure
{
    /// <summary>The name does not exist or has no address.</summary>
    NotFound,

    /// <summary>The name servers did not answer in time.</summary>
    TimedOut,

    /// <summary>
    /// The name was not looked up: too many other look-ups are pending, or the hosts file could not be read.
    /// </summary>
    Overloaded,

    /// <summary>
    /// The look-up failed because this process could open no file; the name itself may be fine.
    /// </summary>
    OutOfFiles,
}

/// <summary>A name could not be resolved.</summary>
internal sealed class NameResolutionException(string host, NameResolutionFailure kind, Exception? inner = null)
    : Exception($"No address for '{host}': {kind}.", inner)
{
    /// <summary>Why the name could not be resolved.</summary>
    public NameResolutionFailure Kind { get; } = kind;
}
