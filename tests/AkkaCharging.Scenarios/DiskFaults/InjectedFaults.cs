using System.Globalization;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.DiskFaults;

/// <summary>Faults that strace injects into the system calls of a service, from an attachment to its end.</summary>
internal sealed class InjectedFaults : IAsyncDisposable
{
    private readonly ChildProcess _tracer;

    private InjectedFaults(ChildProcess tracer) => _tracer = tracer;

    /// <summary>Begins to inject.</summary>
    /// <param name="files">Paths of the only files whose calls fail; none for all calls.</param>
    /// <param name="faults">Such as <c>fsync:error=EIO</c>, in the words of strace.</param>
    public static async Task<InjectedFaults> BeginAsync(ServiceProcess service, string[] files, params string[] faults)
    {
        var tracer = ChildProcess.StartProgram(
            [
                "strace",
                "-f",
                "-y",
                "-e",
                $"trace={string.Join(',', faults.Select(fault => fault[..fault.IndexOf(':')]))}",
                .. faults.SelectMany(fault => new[] { "-e", $"inject={fault}" }),
                .. files.SelectMany(file => new[] { "-P", file }),
                "-p",
                service.Process.Id.ToString(CultureInfo.InvariantCulture),
            ],
            AppContext.BaseDirectory
        );
        await Eventually.HoldsAsync(
            () => tracer.HasExited || tracer.Error.Any(line => line.Contains(" attached", StringComparison.Ordinal)),
            "the tracer is attached"
        );
        Assert.False(tracer.HasExited, tracer.Everything);
        return new(tracer);
    }

    /// <summary>Waits until a call of <paramref name="name"/> has failed.</summary>
    public Task AreHitAsync(string name) =>
        Eventually.HoldsAsync(
            () =>
                _tracer.Error.Any(line =>
                    line.Contains(name, StringComparison.Ordinal)
                    && line.EndsWith("(INJECTED)", StringComparison.Ordinal)
                ),
            $"{name} fails"
        );

    /// <summary>Lets go of the service.</summary>
    public async Task EndAsync()
    {
        _tracer.Terminate();
        await _tracer.ExitAsync();
    }

    public ValueTask DisposeAsync() => _tracer.DisposeAsync();
}
