using System.Text;

namespace AkkaCharging.Files;

/// <summary>Creates files and folders that only their owner can read, regardless of the process's umask.</summary>
internal static class PrivateFile
{
    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnersFolder = OwnersFile | UnixFileMode.UserExecute;

    /// <summary>Opens a file; a new one is accessible to its owner only.</summary>
    public static FileStream Open(string path, FileMode mode, FileAccess access, FileShare share)
    {
        var options = new FileStreamOptions
        {
            Mode = mode,
            Access = access,
            Share = share,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnersFile;
        return new FileStream(path, options);
    }

    /// <summary>
    /// Creates a file with a text and a line end; a full disk or a crash leaves a whole file or none.
    /// </summary>
    /// <remarks>The text is first written under another name. The folder is not synced.</remarks>
    /// <exception cref="IOException">The file exists, or cannot be written.</exception>
    public static void Create(string path, string text)
    {
        var unfinished = path + ".new";
        File.Delete(unfinished);
        using (var file = Open(unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            file.Write(Encoding.UTF8.GetBytes(text + "\n"));
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, path);
    }

    /// <summary>Creates a folder and missing parents, accessible to their owner only.</summary>
    public static void MakeFolder(string path)
    {
        if (Directory.Exists(path))
            return;
        if (Path.GetDirectoryName(path) is { Length: > 0 } above)
            MakeFolder(above); // one by one: the runtime applies the mode to the last one only
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, OwnersFolder);
    }

    /// <summary>Removes the permissions of a file's group and of others, for files of earlier versions.</summary>
    /// <returns>Why the permissions cannot be removed; null on success and for a missing file.</returns>
    public static string? Tighten(string path)
    {
        if (OperatingSystem.IsWindows())
            return null;
        try
        {
            var mode = File.GetUnixFileMode(path);
            if ((mode & ~OwnersFile) != UnixFileMode.None)
                File.SetUnixFileMode(path, mode & OwnersFile);
            return null;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"Other users of this machine may read {path}, and its mode cannot be changed: {e.Message}";
        }
    }

    /// <summary>Checks whether any user of this machine may read the file (not counting its group).</summary>
    public static bool IsReadByAnybody(string path) => Allows(path, UnixFileMode.OtherRead);

    /// <summary>Checks whether any user of this machine may remove files from the folder.</summary>
    public static bool IsEmptiedByAnybody(string folder) =>
        Allows(folder, UnixFileMode.OtherWrite) && !Allows(folder, UnixFileMode.StickyBit);

    private static bool Allows(string path, UnixFileMode what)
    {
        try
        {
            return !OperatingSystem.IsWindows() && File.GetUnixFileMode(path).HasFlag(what);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // missing or not accessible: the code that needs it reports that
        }
    }
}
