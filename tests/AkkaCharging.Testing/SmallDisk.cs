using System.Diagnostics;

namespace AkkaCharging.Testing;

/// <summary>A file system in memory with a limit, mounted on an empty folder. Needs root.</summary>
internal sealed class SmallDisk : IDisposable
{
    public SmallDisk(string path, int megabytes)
    {
        Path = path;
        Directory.CreateDirectory(path);
        Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "tmpfs", path);
    }

    /// <summary>The folder on which the disk is mounted.</summary>
    public string Path { get; }

    public void Resize(int megabytes) => Remount($"size={megabytes}m");

    /// <summary>Changes the options of the mount, such as <c>ro</c>.</summary>
    public void Remount(string options) => Run("mount", "-o", $"remount,{options}", Path);

    /// <summary>Takes all of the room that is left.</summary>
    /// <returns>The file that takes it.</returns>
    public string Fill()
    {
        var ballast = System.IO.Path.Combine(Path, "ballast");
        using var file = File.OpenHandle(ballast, FileMode.CreateNew, FileAccess.Write);
        var page = new byte[4096];
        try
        {
            for (var at = 0L; ; at += page.Length)
                RandomAccess.Write(file, page, at);
        }
        catch (IOException)
        {
            return ballast;
        }
    }

    public void Dispose() => Run("umount", "-l", Path);

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false }
        )!;
        var problem = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} needs root: {problem}");
    }
}
