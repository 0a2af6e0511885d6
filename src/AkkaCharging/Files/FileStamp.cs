namespace AkkaCharging.Files;

/// <summary>What tells one version of a file from the next without reading it.</summary>
/// <param name="Target">Kubernetes swaps a config map by its directory's symbolic link, so both links are
/// followed.</param>
/// <param name="Created">Tells apart a file that was moved here with the same length and time, where the file system
/// keeps it.</param>
internal readonly record struct FileStamp(
    string Target,
    string? Folder,
    long Length,
    DateTime Written,
    DateTime Created
)
{
    /// <returns>Null when there is no such file.</returns>
    public static FileStamp? TryGet(string path)
    {
        try
        {
            var link = new FileInfo(path);
            var file = (FileInfo?)link.ResolveLinkTarget(returnFinalTarget: true) ?? link;
            var folder = file.Directory?.ResolveLinkTarget(returnFinalTarget: true)?.FullName;
            return file.Exists
                ? new FileStamp(file.FullName, folder, file.Length, file.LastWriteTimeUtc, file.CreationTimeUtc)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Gone between two of these calls, or in a folder that may not be read: to a reader there is no file.
            return null;
        }
    }
}
