using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Acl;

/// <summary>The ACL file is missing, cannot be read, or breaks the rules of its format.</summary>
/// <remarks>Neither the message nor the problems carry a token.</remarks>
internal sealed class InvalidAclException : Exception
{
    internal InvalidAclException(string path, IReadOnlyList<string> problems, Exception? innerException = null)
        : base(
            $"ACL file '{ShownValue.OfFile(path)}' cannot be used:"
                + $"{string.Concat(problems.Select(problem => "\n  " + problem))}",
            innerException
        ) => Problems = problems;

    /// <summary>What is wrong, each with its line number where it has one: the first 20, then how many more.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <summary>
    /// Whether the file could not be read, as opposed to its text being wrong: reading it again may help.
    /// </summary>
    internal bool IsUnreadable => InnerException is not null;
}
