namespace AkkaCharging.Authorization.Ocpi;

/// <summary>Who can correct the cause of a missing answer.</summary>
internal enum OcpiBlame
{
    /// <summary>The partner: it was unreachable, late or failed. Counts for the circuit breaker.</summary>
    Partner,

    /// <summary>
    /// The partner: the connection failed before anything was sent. Counts for the circuit breaker, and may be retried.
    /// </summary>
    Connection,

    /// <summary>
    /// The partner or this operator: the partner answered, but rejected the question or sent an invalid answer.
    /// </summary>
    Question,

    /// <summary>This operator: credentials or URL are wrong.</summary>
    Settings,
}

/// <summary>A partner gave no answer.</summary>
/// <param name="what">What the partner did, without quoting its text.</param>
internal sealed class OcpiException(string what, OcpiBlame blame, Exception? cause = null) : Exception(what, cause)
{
    /// <summary>Who can correct the failure.</summary>
    public OcpiBlame Blame { get; } = blame;
}
