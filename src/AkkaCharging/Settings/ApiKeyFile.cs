using AkkaCharging.Files;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Reads <c>server.apiKeysFile</c>.</summary>
internal static class ApiKeyFile
{
    private const int BytesMax = 1024 * 1024;
    private const string Entry = "apiKeys";

    /// <summary>The keys of <c>server.apiKeys</c>, then those of the file.</summary>
    /// <remarks>
    /// The list has to be there: a file that was cut anywhere lacks the list or its end, and revokes nothing by
    /// mistake. <c>apiKeys = []</c> revokes all keys of the file; callers need keys all the same.
    /// </remarks>
    /// <exception cref="InvalidSettingsException">The file cannot be read (then there is an inner exception), holds
    /// something else, or a key or name that the settings have too. No message carries a hash.</exception>
    public static IReadOnlyList<ApiKeySettings> ReadAll(ServerSettings settings)
    {
        if (settings.ApiKeysFile.Length == 0)
            return settings.ApiKeys;
        var keys = Read(settings.ApiKeysFile);
        var names = settings.ApiKeys.Select(key => key.Name).ToHashSet(StringComparer.Ordinal);
        if (keys.FirstOrDefault(key => names.Contains(key.Name)) is { Name: var name })
            throw Unusable(
                settings.ApiKeysFile,
                $"server.apiKeys has the name '{ShownValue.Of(name)}' too; the keys of one name belong in one place"
            );
        IReadOnlyList<ApiKeySettings> all = [.. settings.ApiKeys, .. keys];
        return all.DistinctBy(key => key.Sha256, StringComparer.OrdinalIgnoreCase).Count() == all.Count
            ? all
            : throw Unusable(settings.ApiKeysFile, "a sha256 is there twice, or in server.apiKeys too");
    }

    /// <summary>Says that the file cannot be used, and why.</summary>
    public static InvalidSettingsException Unusable(string path, string problem, Exception? cause = null) =>
        new(
            [
                $"server.apiKeysFile = '{ShownValue.OfFile(path)}' cannot be used ({problem}); "
                    + $"expected {Entry} = [{ApiKeySettings.Expected}, …].",
            ],
            cause
        );

    private static IReadOnlyList<ApiKeySettings> Read(string path)
    {
        var report = new SettingsReport();
        if (HoconParser.ParseFile(ShownValue.OfFile(path), ReadBytes(path), report.Problems) is { } root)
        {
            if (!root.Entries.ContainsKey(Entry))
                throw Unusable(path, $"no {Entry} in it");
            var keys = new HoconSection(root, path: "", report).Entries(
                Entry,
                ApiKeySettings.Expected,
                ApiKeySettings.Read
            );
            UnknownKeys.Report(root, path: "", report);
            if (report.Problems.Count == 0)
                return keys;
        }

        throw new InvalidSettingsException(report.Problems);
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            using var file = RegularFile.Open(path);
            var buffer = new byte[BytesMax + 1]; // one more than the parser accepts
            return buffer[..file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(path, ShownValue.Reason(e, path), e);
        }
    }
}
