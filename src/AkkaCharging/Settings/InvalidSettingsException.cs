namespace AkkaCharging.Settings;

/// <summary>The settings are invalid; nothing was started.</summary>
/// <param name="problems">All problems, each with its place, path, value and the allowed values; never a
/// secret.</param>
/// <param name="innerException">Why a file named by the settings could not be read.</param>
internal sealed class InvalidSettingsException(IReadOnlyList<string> problems, Exception? innerException = null)
    : Exception(string.Join('\n', problems.Prepend($"{problems.Count} problem(s) in the settings:")), innerException)
{
    /// <summary>The problems, one line each, in the order of the files and of <c>reference.conf</c>.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;
}
