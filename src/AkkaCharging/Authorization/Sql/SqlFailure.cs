using System.Runtime.InteropServices;

namespace AkkaCharging.Authorization.Sql;

/// <summary>What a failed question calls for.</summary>
internal enum SqlFailureKind
{
    /// <summary>Another attempt at once may succeed.</summary>
    Transient,

    /// <summary>The time ran out, in this process or in the database.</summary>
    Timeout,

    /// <summary>Credentials, query or grants are wrong: an operator has to mend them.</summary>
    Misconfigured,

    /// <summary>Any other error.</summary>
    Permanent,
}

/// <summary>Why a question has no answer.</summary>
/// <param name="What">Completes a sentence that begins with the database. Holds neither values nor text of the
/// database beyond its error code, because the text may quote the token.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SqlFailure(SqlFailureKind Kind, string What);

/// <summary>A question has no answer.</summary>
internal sealed class SqlFailureException(SqlFailure failure) : Exception(failure.What)
{
    /// <summary>Makes a failure of the kind <see cref="SqlFailureKind.Misconfigured"/>.</summary>
    public static SqlFailureException Misconfigured(string what) => new(new(SqlFailureKind.Misconfigured, what));

    /// <summary>Why.</summary>
    public SqlFailure Failure => failure;
}
