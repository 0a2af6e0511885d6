namespace AkkaCharging.Files;

/// <summary>Identifies a version of a file without reading it.</summary>
/// <param name="Version">A text that differs between versions: the file's identity, length and times. Where the system
/// provides no identity, the targets of the symbolic links of the file and its folder are used.</param>
/// <param name="IsRegular">Whether the path leads to a regular file, and not to a folder, pipe, device or socket; true
/// where the system provides no identity.</param>
internal readonly record struct FileStamp(string Version, bool IsRegular)
{
    /// <returns>Null when there is no such file.</returns>
    public static FileStamp? TryGet(string path) =>
        !FileIdentity.IsKnown ? TryGetPortably(path)
        : FileStatus.TryGet(FileIdentity.Name(path)) is { } status ? new(status.Version, status.IsRegular)
        : null;

    private static FileStamp? TryGetPortably(string path)
    {
        try
        {
            var link = new FileInfo(path);
            var file = (FileInfo?)link.ResolveLinkTarget(returnFinalTarget: true) ?? link;
            var folder = file.Directory?.ResolveLinkTarget(returnFinalTarget: true)?.FullName;
            var (written, created) = (file.LastWriteTimeUtc.Ticks, file.CreationTimeUtc.Ticks);
            return file.Exists
                ? new($"{file.FullName} {folder} {file.Length} {written} {created}", IsRegular: true)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Deleted between two of these calls, or in a folder that may not be read: treated as missing.
            return null;
        }
    }
}
