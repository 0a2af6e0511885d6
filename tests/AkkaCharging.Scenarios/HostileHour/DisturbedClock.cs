namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>A wall clock that is set while a process runs: that of this process alone, by libfaketime.</summary>
/// <remarks>
/// The monotonic clock and the times of files stay as they are, as they do when somebody sets a clock.
/// </remarks>
internal sealed class DisturbedClock : IDisposable
{
    private const string Offset = "offset";
    private const int HoursMax = 3;
    private readonly ScenarioFolder _folder = new();

    public DisturbedClock() => Set(seconds: 0);

    /// <summary>The environment of a process with this clock.</summary>
    public (string Name, string Value)[] Settings =>
        [
            ("LD_PRELOAD", FindLibrary()),
            ("FAKETIME_TIMESTAMP_FILE", Path.Combine(_folder.Path, Offset)),
            ("FAKETIME_CACHE_DURATION", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            // The repair for an old defect of glibc, which would end each wait of .NET at once.
            ("FAKETIME_FORCE_MONOTONIC_FIX", "0"),
            ("NO_FAKE_STAT", "1"),
        ];

    public FaultSource Source =>
        new(
            "clock",
            PauseMillisMax: 8_000,
            [
                new(
                    "clock set",
                    random =>
                    {
                        Set(random.Next(-HoursMax * 3_600, HoursMax * 3_600));
                        return Task.CompletedTask;
                    }
                ),
            ]
        );

    public void Dispose() => _folder.Dispose();

    private void Set(int seconds) => _folder.Write(Offset, $"{seconds:+0;-0}\n");

    private static string FindLibrary() =>
        Directory.Exists("/usr/lib")
        && Directory.EnumerateFiles("/usr/lib", "libfaketimeMT.so.1", SearchOption.AllDirectories).FirstOrDefault()
            is { } library
            ? library
            : throw new InvalidOperationException("There is no libfaketime (Debian: apt-get install libfaketime).");
}
