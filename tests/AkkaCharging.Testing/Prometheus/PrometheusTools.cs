namespace AkkaCharging.Testing.Prometheus;

/// <summary>Prometheus' own programs, as they are installed on this machine.</summary>
internal static class PrometheusTools
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    /// <summary>Runs <c>promtool</c>.</summary>
    /// <returns>Its exit code and all that it wrote.</returns>
    public static async Task<(int ExitCode, string Output)> PromtoolAsync(
        string workingDirectory,
        string input,
        params string[] arguments
    )
    {
        var (exitCode, output, error) = await PipedProgram.RunAsync(
            Find("promtool"),
            arguments,
            workingDirectory,
            input,
            Bound
        );
        return (exitCode, output + error);
    }

    /// <summary>Where <paramref name="program"/> is.</summary>
    /// <exception cref="InvalidOperationException">It is not installed.</exception>
    public static string Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Append("/usr/bin")
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException(
            $"{program} is not on the PATH. Install it (Debian: apt-get install prometheus)."
        );
}
