namespace AkkaCharging.Requests;

/// <summary>
/// Why a callback attempt failed. Operators see every cause; callers see those that <c>CallerView</c> shows.
/// </summary>
internal enum AttemptCause
{
    /// <summary>The receiver answered with a status other than 2xx.</summary>
    HttpStatus,

    /// <summary>The name does not exist or has no address.</summary>
    NameNotFound,

    /// <summary>The name servers did not answer in time, or reported a failure.</summary>
    NameTimeout,

    /// <summary>The name was not looked up, because too many other look-ups are pending.</summary>
    NameNotAsked,

    /// <summary>The address policy rejected an address of the name, or the URL itself.</summary>
    AddressRefused,

    /// <summary>Nothing listens at the address and port.</summary>
    ConnectionRefused,

    /// <summary>There is no route to the address, or a firewall rejected the connection.</summary>
    Unreachable,

    /// <summary>No connection was established in time.</summary>
    ConnectTimeout,

    /// <summary>The TLS handshake failed: certificate, name or protocol.</summary>
    Tls,

    /// <summary>The connection was closed or reset before there was an answer.</summary>
    ConnectionReset,

    /// <summary>No answer within <c>callback.timeoutMillis</c>.</summary>
    AnswerTimeout,

    /// <summary>The headers of the answer were too long.</summary>
    TooLarge,

    /// <summary>The answer was not valid HTTP.</summary>
    Protocol,

    /// <summary>The process had no file handle, socket or port left; the receiver is not at fault.</summary>
    LocalResources,

    /// <summary>Any other cause.</summary>
    Other,
}

/// <summary>The names of causes in JSON, metrics, logs, traces and the journal.</summary>
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

    /// <summary>Returns the cause in snake case.</summary>
    public static string Name(this AttemptCause cause) => Names[(int)cause];

    /// <summary>Checks whether the receiver was not called because no allowed address was found for its name.</summary>
    public static bool MeansNoAddress(this AttemptCause cause) =>
        cause
            is AttemptCause.NameNotFound
                or AttemptCause.NameTimeout
                or AttemptCause.NameNotAsked
                or AttemptCause.AddressRefused;
}
