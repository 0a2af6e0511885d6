using AkkaCharging.Files;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Reads <c>server.apiKeysFile</c>.</summary>
internal static class ApiKeyFile
{
    private const int BytesMax = 1024 * 1024;
    private const string Entry = "apiKeys";

    /// <summary>Returns the keys of <c>server.apiKeys</c>, then those of the file.</summary>
    /// <remarks>
    /// The list is mandatory: a truncated file lacks the list or its end and is rejected, so it cannot revoke keys by
    /// mistake. <c>apiKeys = []</c> revokes all keys of the file; callers still need keys.
    /// </remarks>
    /// <exception cref="InvalidSettingsException">The file is invalid, contains a key or name that the settings contain
    /// too, or cannot be read (only then there is an inner exception). No message contains a hash.</exception>
    public static IReadOnlyList<ApiKeySettings> ReadAll(ServerSettings settings)
    {
        if (settings.ApiKeysFile.Length == 0)
            return settings.ApiKeys;
        var keys = Read(settings.ApiKeysFile);
        var names = settings.ApiKeys.Select(key => key.Name).ToHashSet(StringComparer.Ordinal);
        if (keys.FirstOrDefault(key => names.Contains(key.Name)) is { Name: var name })
            throw Unusable(
                settings.ApiKeysFile,
                $"server.apiKeys also contains the name '{ShownValue.Of(name)}'; expected all keys of a name in one "
                    + "place"
            );
        IReadOnlyList<ApiKeySettings> all = [.. settings.ApiKeys, .. keys];
        return all.DistinctBy(key => key.Sha256, StringComparer.OrdinalIgnoreCase).Count() == all.Count
            ? all
            : throw Unusable(
                settings.ApiKeysFile,
                "it contains a sha256 twice, or one that server.apiKeys contains too"
            );
    }

    /// <summary>Creates the exception for a file that cannot be used.</summary>
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
                throw Unusable(path, $"it contains no {Entry}");
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
