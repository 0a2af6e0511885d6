namespace AkkaCharging.Files;

/// <summary>Files and folders that their owner alone may read, whatever the process's umask.</summary>
internal static class PrivateFile
{
    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnersFolder = OwnersFile | UnixFileMode.UserExecute;

    /// <summary>Opens a file; one that is made belongs to its owner alone.</summary>
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

    /// <summary>Makes a folder and those above it, unless they are there; what is made is its owner's alone.</summary>
    public static void MakeFolder(string path)
    {
        if (Directory.Exists(path))
            return;
        if (Path.GetDirectoryName(path) is { Length: > 0 } above)
            MakeFolder(above); // by itself: the runtime gives the mode to the last one alone
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, OwnersFolder);
    }

    /// <summary>Takes away what a file's group and others may do with it, as when an earlier version made it.</summary>
    /// <returns>Why it cannot be done; null when it is done, or there is no such file.</returns>
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
            return $"Other users of this machine may read {path}, and that cannot be changed: {e.Message}";
        }
    }

    /// <summary>Whether any user of this machine may read the file (its group aside).</summary>
    public static bool IsReadByAnybody(string path) => Allows(path, UnixFileMode.OtherRead);

    /// <summary>Whether any user of this machine may remove what is in the folder.</summary>
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
            return false; // not there, or hidden from us: whoever needs it says so
        }
    }
}
