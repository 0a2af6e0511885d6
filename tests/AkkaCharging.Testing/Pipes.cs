using System.Diagnostics;

namespace AkkaCharging.Testing;

/// <summary>Named pipes, which .NET cannot make: to open one for reading waits for its writer.</summary>
internal static class Pipes
{
    /// <summary>Makes a pipe in place of a file, if there is one.</summary>
    public static async Task MakeAsync(string path)
    {
        using (var make = Process.Start("mkfifo", path + ".pipe"))
            await make.WaitForExitAsync();
        File.Move(path + ".pipe", path, overwrite: true);
    }
}
