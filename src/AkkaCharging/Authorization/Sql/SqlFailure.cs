using System.Runtime.InteropServices;

namespace AkkaCharging.Authorization.Sql;

/// <summary>The kind of a failed question, which decides how it is handled.</summary>
internal enum SqlFailureKind
{
    /// <summary>An immediate retry may succeed.</summary>
    Transient,

    /// <summary>The question timed out, in this process or in the database.</summary>
    Timeout,

    /// <summary>Credentials, query or grants are wrong: an operator has to correct them.</summary>
    Misconfigured,

    /// <summary>The database cannot process a value of this question; it can answer others.</summary>
    Refused,

    /// <summary>Any other error.</summary>
    Permanent,
}

/// <summary>Why a question has no answer.</summary>
/// <param name="What">Completes a sentence that begins with the database. Contains neither values nor text of the
/// database beyond its error code, because the text may quote the token.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SqlFailure(SqlFailureKind Kind, string What);

/// <summary>A question to the database failed.</summary>
internal sealed class SqlFailureException(SqlFailure failure) : Exception(failure.What)
{
    /// <summary>Creates a failure of the kind <see cref="SqlFailureKind.Misconfigured"/>.</summary>
    public static SqlFailureException Misconfigured(string what) => new(new(SqlFailureKind.Misconfigured, what));

    /// <summary>Creates a failure of the kind <see cref="SqlFailureKind.Refused"/>.</summary>
    public static SqlFailureException Refused(string what) => new(new(SqlFailureKind.Refused, what));

    /// <summary>Why the question failed.</summary>
    public SqlFailure Failure => failure;
}
