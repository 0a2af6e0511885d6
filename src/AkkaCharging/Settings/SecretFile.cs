using AkkaCharging.Files;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>
/// A file that contains one secret, as container platforms mount it: <c>MANAGEMENT_TOKEN_FILE</c> names the file for
/// <c>MANAGEMENT_TOKEN</c>, and likewise for each secret that has no setting for a file.
/// </summary>
/// <param name="Variable">The environment variable that names the file.</param>
internal sealed record SecretFile(string Path, string Variable)
{
    private const int CharsMax = 65_536;

    private static readonly string[] Settings =
    [
        "server.tls.password",
        "management.token",
        "management.tls.password",
        "authorization.http.bearerToken",
        "authorization.sql.connectionString",
        "journal.connectionString",
        "cluster.tls.password",
    ];

    /// <summary>All variables that may name such a file.</summary>
    public static IEnumerable<string> Variables => Settings.Select(VariableOf);

    /// <summary>Replaces settings by the content of the files that variables name.</summary>
    public static void Overlay(ConfigBlock root, IReadOnlyDictionary<string, string> environment, SettingsReport report)
    {
        foreach (var path in Settings)
        {
            var (variable, own) = (VariableOf(path), SettingsEnvironment.NameOf(path));
            if (environment.GetValueOrDefault(variable) is not { Length: > 0 } file)
                continue;
            report.SecretFiles.Add(new(file, variable));
            if (environment.GetValueOrDefault(own) is { Length: > 0 })
                report.Problems.Add(SettingsEnvironment.SetTwice($"environment variable {variable}", path, own));
            else if (TryRead(file, out var secret) is { } problem)
                report.Problems.Add($"environment variable {variable}: the file cannot be used: {problem}");
            else
                root.Replace(path, new ConfigText(secret, $"environment variable {variable}", FromEnvironment: true));
        }
    }

    private static string VariableOf(string path) => $"{SettingsEnvironment.NameOf(path)}_FILE";

    /// <summary>Reads a secret, without one line end after it.</summary>
    /// <returns>Why the file cannot be read; null when it was read.</returns>
    public static string? TryRead(string path, out string secret) => TryRead(path, out secret, out _);

    /// <summary>Reads a token for a header: printable ASCII without spaces, and one line end at most.</summary>
    /// <param name="cause">The error on reading the file; null when it was read, or holds no token.</param>
    /// <returns>Why the file cannot be used; null when it was read.</returns>
    public static string? TryReadToken(string path, out string token, out Exception? cause) =>
        TryRead(path, out token, out cause) is { } problem ? problem
        : !SettingKind.IsToken(token) ? "it contains something other than printable ASCII without spaces."
        : null;

    private static string? TryRead(string path, out string secret, out Exception? cause)
    {
        (secret, cause) = ("", null);
        if (path.Length == 0)
            return "no file is named.";
        try
        {
            if (RegularFile.ReadText(path, CharsMax) is not { } text)
                return $"it is longer than {CharsMax} characters.";
            secret = text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.TrimEnd('\n');
            return secret.Length == 0 ? "it is empty." : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            cause = e;
            return ShownValue.Reason(e, path);
        }
    }
}
