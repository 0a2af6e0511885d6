using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Acl;

/// <summary>The access list's file is missing, cannot be read or breaks the rules of its format.</summary>
/// <remarks>Neither the message nor the problems contain a token.</remarks>
internal sealed class InvalidAclException : Exception
{
    internal InvalidAclException(string path, IReadOnlyList<string> problems, Exception? innerException = null)
        : base(
            $"ACL file '{ShownValue.OfFile(path)}' cannot be used:"
                + $"{string.Concat(problems.Select(problem => "\n  " + problem))}",
            innerException
        ) => Problems = problems;

    /// <summary>The first 20 problems, with line numbers where known, then the number of further ones.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <summary>
    /// Whether the file could not be read, in which case a retry may succeed, rather than having an invalid text.
    /// </summary>
    internal bool IsUnreadable => InnerException is not null;
}
