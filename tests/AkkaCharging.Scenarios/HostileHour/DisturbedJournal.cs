using AkkaCharging.Testing;
using AkkaCharging.Testing.Postgres;
using Npgsql;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>A fresh journal of one kind, and what can happen to the disk or the database below it.</summary>
/// <param name="kind">As <c>journal.kind</c> names it.</param>
internal sealed class DisturbedJournal(
    string kind,
    (string Name, string Value)[] settings,
    Func<ValueTask> disposeAsync,
    params IReadOnlyList<Fault> faults
) : IAsyncDisposable
{
    public const string Memory = "memory";
    private const string Connection = "JOURNAL_CONNECTION_STRING";
    private const int DiskMegabytes = 128;

    /// <summary>Settings of a service on this journal, without encryption keys.</summary>
    public (string Name, string Value)[] Settings => [("JOURNAL_KIND", kind), .. settings];

    /// <summary>Of the database, by the way that can be cut.</summary>
    public string ConnectionString => settings.Single(setting => setting.Name == Connection).Value;

    /// <summary>Whether requests outlive the process.</summary>
    public bool OutlivesItsProcess => kind != Memory;

    /// <summary>Whether a request whose commit was in doubt is refused.</summary>
    public bool HasCommitsInDoubt => kind == JournalHome.Postgres;

    public FaultSource Source => new("journal", PauseMillisMax: 6_000, faults);

    /// <param name="folder">The working directory of the service.</param>
    public static async Task<DisturbedJournal> NewAsync(string kind, string folder) =>
        kind switch
        {
            Memory => new(kind, [], () => ValueTask.CompletedTask),
            JournalHome.Sqlite => OnDisk(Path.Combine(folder, "disk")),
            _ => OnDatabase(await PostgresServer.StartNewAsync()),
        };

    public ValueTask DisposeAsync() => disposeAsync();

    private static DisturbedJournal OnDisk(string path)
    {
        var disk = new SmallDisk(path, DiskMegabytes);
        var filling = Path.Combine(path, "filling");
        return new(
            JournalHome.Sqlite,
            [("JOURNAL_PATH", "disk/journal.db"), ("JOURNAL_MIN_FREE_BYTES", "0")],
            () =>
            {
                disk.Dispose();
                return ValueTask.CompletedTask;
            },
            Fault.Lasting("disk full", 3_000, _ => Fill(filling), () => File.Delete(filling))
        );
    }

    private static void Fill(string path)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write);
        var block = new byte[65_536];
        try
        {
            while (true)
            {
                file.Write(block);
                file.Flush();
            }
        }
        catch (IOException)
        {
            // full
        }
    }

    private static DisturbedJournal OnDatabase(PostgresServer postgres)
    {
        var address = new NpgsqlConnectionStringBuilder(postgres.ConnectionString);
        var way = TcpProxy.To(address.Port);
        address.Port = way.Port;
        return new(
            JournalHome.Postgres,
            [(Connection, address.ConnectionString)],
            async () =>
            {
                await way.DisposeAsync();
                await postgres.DisposeAsync();
            },
            Fault.Lasting("database cut off", 3_000, _ => way.Cut(), way.Restore, weight: 2),
            Fault.Lasting("database unreachable", 3_000, _ => way.Freeze(), way.Restore),
            Fault.Lasting(
                "database slow",
                3_000,
                random => way.Delay(TimeSpan.FromMilliseconds(random.Next(5, 100))),
                () => way.Delay(TimeSpan.Zero)
            ),
            new(
                "database killed",
                async random =>
                {
                    await postgres.KillAsync();
                    await random.WaitAsync(0, 1_000);
                    await postgres.StartAsync();
                }
            )
        );
    }
}
