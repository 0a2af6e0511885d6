using System.Diagnostics;

namespace AkkaCharging.Testing;

/// <summary>Programs that read a text and end.</summary>
internal static class PipedProgram
{
    /// <summary>Runs a program with <paramref name="input"/> on its standard input.</summary>
    /// <returns>Its exit code and all that it wrote.</returns>
    /// <exception cref="TimeoutException">It did not end within <paramref name="patience"/>; it is killed.</exception>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        string program,
        IEnumerable<string> arguments,
        string workingDirectory,
        string input,
        TimeSpan patience
    )
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments)
            {
                WorkingDirectory = workingDirectory,
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        try
        {
            await process.WaitForExitAsync().WaitAsync(patience);
            return (process.ExitCode, await output.WaitAsync(patience), await error.WaitAsync(patience));
        }
        catch
        {
            process.Kill(entireProcessTree: true); // disposing of it leaves it running
            throw;
        }
    }
}
