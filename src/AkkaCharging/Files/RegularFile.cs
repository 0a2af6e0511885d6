namespace AkkaCharging.Files;

/// <summary>Opens files that are read repeatedly while the service runs.</summary>
internal static class RegularFile
{
    /// <summary>Why a pipe, a device or a folder is rejected.</summary>
    public const string Expected = "it is not a regular file";

    /// <summary>Opens a file for reading; others may write, replace and delete it at the same time.</summary>
    /// <exception cref="IOException">The file cannot be opened, or is a folder, pipe, device or socket (opening a pipe
    /// would wait for its writer).</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static FileStream Open(string path)
    {
        if (FileStamp.TryGet(path) is { IsRegular: false })
            throw new IOException(Expected);
        return new FileStream(
            path,
            FileMode.Open,
            FileAccess.Read,
            FileShare.ReadWrite | FileShare.Delete,
            bufferSize: 1 << 16
        );
    }

    /// <summary>Reads a UTF-8 text file.</summary>
    /// <returns>Null when the text is longer than <paramref name="charsMax"/>.</returns>
    /// <inheritdoc cref="Open" path="/exception"/>
    public static string? ReadText(string path, int charsMax)
    {
        using var reader = new StreamReader(Open(path));
        var buffer = new char[charsMax + 1];
        var length = reader.ReadBlock(buffer);
        return length <= charsMax ? new string(buffer, 0, length) : null;
    }
}
