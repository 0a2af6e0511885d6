using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace AkkaCharging.Testing;

/// <summary>
/// A program that a test started: its output, its signals, its end. Disposing it kills this one process, by its own id.
/// </summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int Sighup = 1;
    private const int Sigterm = 15;
    private const int Sigcont = 18;
    private const int Sigstop = 19;

    // What the test's own environment must not lend to a service: its settings, and what `dotnet test` says to its own
    // tools.
    private static readonly string[] NotInherited =
    [
        "DOTNET_ENVIRONMENT",
        "ASPNETCORE_",
        "SERVER_",
        "MANAGEMENT_",
        "REQUEST_",
        "QUEUE_",
        "AUTHORIZATION_",
        "CALLBACK_",
        "JOURNAL_",
        "CLUSTER_",
        "MONITORING_",
        "LOGGING_",
        "KTOR_",
        "OTEL_",
        "MSBUILD",
        "MSBuild",
    ];

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly ConcurrentQueue<string> _error = new();

    private ChildProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Lines of standard output so far.</summary>
    public IReadOnlyCollection<string> Output => _output;

    /// <summary>Lines of standard error so far.</summary>
    public IReadOnlyCollection<string> Error => _error;

    /// <summary>Both, for messages.</summary>
    public string Everything => string.Join('\n', _output.TakeLast(50).Concat(_error.TakeLast(50)));

    /// <summary>Starts <c>dotnet</c> with <paramref name="arguments"/>.</summary>
    /// <param name="readsOutput">False leaves its standard output unread, so that the pipe fills up, as with a hanging
    /// log collector.</param>
    /// <param name="launcher">A program and its first arguments, which ends by becoming <c>dotnet</c>; null for
    /// none.</param>
    public static ChildProcess Start(
        IEnumerable<string> arguments,
        string workingDirectory,
        IReadOnlyDictionary<string, string>? environment = null,
        bool readsOutput = true,
        IReadOnlyList<string>? launcher = null
    ) =>
        StartProgram(
            [.. launcher ?? [], Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", .. arguments],
            workingDirectory,
            environment,
            readsOutput
        );

    /// <summary>Starts any program, with its arguments after it.</summary>
    public static ChildProcess StartProgram(
        string[] command,
        string workingDirectory,
        IReadOnlyDictionary<string, string>? environment = null,
        bool readsOutput = true
    )
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = workingDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (
            var name in start
                .Environment.Keys.Where(name =>
                    NotInherited.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal))
                )
                .ToList()
        )
            start.Environment.Remove(name);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;

        var child = new ChildProcess(new Process { StartInfo = start });
        child._process.OutputDataReceived += (_, line) => Keep(child._output, line.Data);
        child._process.ErrorDataReceived += (_, line) => Keep(child._error, line.Data);
        child._process.Start();
        if (readsOutput)
            child._process.BeginOutputReadLine();
        child._process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Asks it to end, as container platforms do.</summary>
    public void Terminate() => Signal(Sigterm);

    /// <summary>Asks it to reload (SIGHUP), as a terminal that is closed asks it to end.</summary>
    public void HangUp() => Signal(Sighup);

    /// <summary>Whether it handles SIGHUP by now, which ends a process that does not.</summary>
    public bool HandlesHangUp()
    {
        const string Caught = "SigCgt:";
        var mask = File.ReadLines($"/proc/{Id}/status")
            .First(line => line.StartsWith(Caught, StringComparison.Ordinal));
        return (Convert.ToUInt64(mask[Caught.Length..].Trim(), 16) & (1UL << (Sighup - 1))) != 0;
    }

    /// <summary>Suspends the process until <see cref="Resume"/>.</summary>
    public void Suspend() => Signal(Sigstop);

    public void Resume() => Signal(Sigcont);

    /// <summary>Ends it at once, as a crash does (SIGKILL).</summary>
    public async Task CrashAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Waits for its end and for the last line of its output.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> ExitAsync(TimeSpan? deadline = null)
    {
        using var patience = new CancellationTokenSource(deadline ?? TimeSpan.FromSeconds(40));
        try
        {
            await _process.WaitForExitAsync(patience.Token);
            return _process.ExitCode;
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"Process {Id} did not exit. Its output:\n{Everything}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await CrashAsync();
        _process.Dispose();
    }

    private void Signal(int signal)
    {
        if (Kill(_process.Id, signal) != 0)
            throw new InvalidOperationException(
                $"Signal {signal} could not be sent: error {Marshal.GetLastPInvokeError()}"
            );
    }

    private static void Keep(ConcurrentQueue<string> lines, string? line)
    {
        if (line is not null)
            lines.Enqueue(line);
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
