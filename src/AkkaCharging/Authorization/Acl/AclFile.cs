namespace AkkaCharging.Authorization.Acl;

/// <summary>The file that holds an access list.</summary>
internal sealed class AclFile(string path)
{
    /// <summary>What tells one version of the file from the next without reading it; null when there is none.</summary>
    /// <param name="Target">Kubernetes swaps a config map by its directory's symbolic link, so both links are followed.</param>
    /// <param name="Created">Tells apart a file that was moved here with the same length and time, where the file system keeps it.</param>
    public readonly record struct Stamp(string Target, string? Folder, long Length, DateTime Written, DateTime Created);

    public Stamp? TryGetStamp()
    {
        try
        {
            var link = new FileInfo(path);
            var file = (FileInfo?)link.ResolveLinkTarget(returnFinalTarget: true) ?? link;
            var folder = file.Directory?.ResolveLinkTarget(returnFinalTarget: true)?.FullName;
            return file.Exists ? new Stamp(file.FullName, folder, file.Length, file.LastWriteTimeUtc, file.CreationTimeUtc) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // Gone between two of these calls, or in a folder that may not be read: to a reader there is no file.
        }
    }

    /// <exception cref="InvalidAclException">There is no file, it cannot be read, or its text is wrong.</exception>
    public AclRules Load()
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1 << 16);
            return AclRules.Read(stream, path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidAclException(path, ["there is no such file; authorization.acl.file names it, relative to the working directory"], e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidAclException(path, [e.Message], e);
        }
    }
}
