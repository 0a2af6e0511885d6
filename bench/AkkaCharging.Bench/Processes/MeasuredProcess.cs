using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace AkkaCharging.Bench.Processes;

/// <summary>
/// A .NET program that the harness started. Its output goes to a file, as a container's does, so that reading it costs
/// the harness nothing.
/// </summary>
internal sealed class MeasuredProcess : IAsyncDisposable
{
    // What the harness's own environment must not lend to a target.
    private static readonly string[] NotInherited =
    [
        "DOTNET_",
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
    ];

    private static readonly ConcurrentDictionary<int, Process> Running = new();
    private readonly Process _process;
    private readonly string _outputFile;
    private readonly string _probe;

    private MeasuredProcess(Process process, string outputFile, string probe) =>
        (_process, _outputFile, _probe) = (process, outputFile, probe);

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>The end of its output, for messages.</summary>
    public string Output
    {
        get
        {
            var lines = File.ReadLines(_outputFile).TakeLast(20);
            return string.Join('\n', lines);
        }
    }

    /// <summary>Its first line of output; null until there is one.</summary>
    public string? FirstLine =>
        File.Exists(_outputFile)
        && File.ReadAllText(_outputFile) is var text
        && text.Contains('\n', StringComparison.Ordinal)
            ? text[..text.IndexOf('\n', StringComparison.Ordinal)]
            : null;

    /// <param name="assembly">Beside the harness, or an absolute path.</param>
    /// <param name="processors">As taskset has it, <c>0-1</c>; empty for all.</param>
    public static MeasuredProcess Start(
        string name,
        string assembly,
        IEnumerable<string> arguments,
        string folder,
        IReadOnlyDictionary<string, string> environment,
        string processors
    )
    {
        Directory.CreateDirectory(folder);
        var outputFile = Path.Combine(folder, $"{name}.log");
        var probe = Path.Combine(folder, $"{name}.probe");
        File.Delete(probe);
        var start = new ProcessStartInfo("/bin/sh")
        {
            // The shell becomes the program: its id is the program's.
            ArgumentList = { "-c", "out=$1; shift; exec \"$@\" >\"$out\" 2>&1", "sh", outputFile },
            WorkingDirectory = folder,
            UseShellExecute = false,
        };
        string[] pinned = processors.Length == 0 ? [] : ["taskset", "-c", processors];
        foreach (
            var argument in (IEnumerable<string>)
                [.. pinned, Runtime, Path.Combine(AppContext.BaseDirectory, assembly), .. arguments]
        )
            start.ArgumentList.Add(argument);
        foreach (
            var inherited in start
                .Environment.Keys.Where(key =>
                    NotInherited.Any(prefix => key.StartsWith(prefix, StringComparison.Ordinal))
                )
                .ToList()
        )
            start.Environment.Remove(inherited);
        start.Environment["DOTNET_STARTUP_HOOKS"] = Path.Combine(
            AppContext.BaseDirectory,
            "AkkaCharging.Bench.Probe.dll"
        );
        start.Environment["AKKACHARGING_BENCH_PROBE"] = probe;
        foreach (var (key, value) in environment)
            start.Environment[key] = value;
        var process = Process.Start(start)!;
        Running[process.Id] = process;
        return new(process, outputFile, probe);
    }

    /// <summary>Its heap as it sees it.</summary>
    /// <param name="collects">Collects all garbage first.</param>
    public HeapFigures Heap(bool collects = false)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(_probe));
        socket.Send(collects ? "c"u8 : "s"u8);
        var buffer = new byte[256];
        var fields = Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer)).Split(' ');
        return new(
            long.Parse(fields[0]),
            long.Parse(fields[1]),
            int.Parse(fields[2]),
            int.Parse(fields[3]),
            int.Parse(fields[4]),
            double.Parse(fields[5], CultureInfo.InvariantCulture)
        );
    }

    /// <summary>Ends it at once (SIGKILL).</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
        Running.TryRemove(Id, out _);
    }

    /// <summary>Ends all that run: the harness was told to go.</summary>
    public static void KillAll()
    {
        foreach (var process in Running.Values)
            process.Kill();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private static string Runtime => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
}

/// <summary>A process's garbage-collected heap.</summary>
internal readonly record struct HeapFigures(
    long AllocatedBytes,
    long HeapBytes,
    int Gen0,
    int Gen1,
    int Gen2,
    double PauseMillis
);
