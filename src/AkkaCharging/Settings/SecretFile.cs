using AkkaCharging.Files;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>
/// A file that holds one secret, as container platforms mount it: <c>MANAGEMENT_TOKEN_FILE</c> stands for
/// <c>MANAGEMENT_TOKEN</c>, and so for each secret that has no setting for a file of its own.
/// </summary>
/// <param name="Variable">The environment variable that names it.</param>
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

    /// <summary>Every variable that may name such a file.</summary>
    public static IEnumerable<string> Variables => Settings.Select(VariableOf);

    /// <summary>Replaces settings by what the files hold that variables name.</summary>
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

    /// <summary>Reads a secret; one line end behind it does not belong to it.</summary>
    /// <returns>Why it cannot be read; null when it was.</returns>
    public static string? TryRead(string path, out string secret)
    {
        secret = "";
        try
        {
            if (RegularFile.ReadText(path, CharsMax) is not { } text)
                return $"it is longer than {CharsMax} characters.";
            secret = text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.TrimEnd('\n');
            return secret.Length == 0 ? "it is empty." : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ShownValue.Reason(e, path);
        }
    }
}
