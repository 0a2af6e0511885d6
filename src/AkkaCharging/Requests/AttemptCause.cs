namespace AkkaCharging.Requests;

/// <summary>
/// Why an attempt to call back failed. Operators see it everywhere; callers see of it what <c>CallerView</c> lets
/// through.
/// </summary>
internal enum AttemptCause
{
    /// <summary>The receiver answered, but not 2xx.</summary>
    HttpStatus,

    /// <summary>The name does not exist or has no address.</summary>
    NameNotFound,

    /// <summary>The name servers did not answer in time, or answered that they failed.</summary>
    NameTimeout,

    /// <summary>The name was not asked for: too many others are being looked up.</summary>
    NameNotAsked,

    /// <summary>The address policy refused an address of the name, or the URL itself.</summary>
    AddressRefused,

    /// <summary>Nobody listens at the address and port.</summary>
    ConnectionRefused,

    /// <summary>No route to the address, or a firewall's refusal.</summary>
    Unreachable,

    /// <summary>No connection came about in time.</summary>
    ConnectTimeout,

    /// <summary>No TLS session came about: certificate, name or protocol.</summary>
    Tls,

    /// <summary>The connection was closed or reset before there was an answer.</summary>
    ConnectionReset,

    /// <summary>No answer within <c>callback.timeoutMillis</c>.</summary>
    AnswerTimeout,

    /// <summary>The answer's headers were too long.</summary>
    TooLarge,

    /// <summary>What came was no answer in HTTP.</summary>
    Protocol,

    /// <summary>The process had no file handle, socket or port left: not the receiver's fault.</summary>
    LocalResources,

    /// <summary>None of the above.</summary>
    Other,
}

/// <summary>How causes are spelled in JSON, metrics, logs, traces and the journal.</summary>
internal static class AttemptCauses
{
    private static readonly string[] Names =
    [
        "http_status",
        "name_not_found",
        "name_timeout",
        "name_not_asked",
        "address_refused",
        "connection_refused",
        "unreachable",
        "connect_timeout",
        "tls",
        "connection_reset",
        "answer_timeout",
        "too_large",
        "protocol",
        "local_resources",
        "other",
    ];

    /// <summary>The cause in snake case.</summary>
    public static string Name(this AttemptCause cause) => Names[(int)cause];

    /// <summary>
    /// Whether nobody was called, because no address that may be connected to could be had for the name.
    /// </summary>
    public static bool MeansNoAddress(this AttemptCause cause) =>
        cause
            is AttemptCause.NameNotFound
                or AttemptCause.NameTimeout
                or AttemptCause.NameNotAsked
                or AttemptCause.AddressRefused;
}
