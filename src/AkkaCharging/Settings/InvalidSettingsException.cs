namespace AkkaCharging.Settings;

/// <summary>The settings cannot be used; nothing was started.</summary>
/// <param name="problems">All of them, each with its place, its path, what it says and what is allowed; never a
/// secret.</param>
/// <param name="innerException">Why a file that they name could not be read.</param>
internal sealed class InvalidSettingsException(IReadOnlyList<string> problems, Exception? innerException = null)
    : Exception(string.Join('\n', problems.Prepend($"{problems.Count} problem(s) in the settings:")), innerException)
{
    /// <summary>One line each, in the order of the files and of <c>reference.conf</c>.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;
}
