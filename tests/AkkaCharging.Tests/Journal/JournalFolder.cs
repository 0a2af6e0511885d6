using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using AkkaCharging.Timing;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Tests.Journal;

/// <summary>A folder of a test's own for a journal's files, and journals on them.</summary>
internal sealed class JournalFolder : IAsyncDisposable
{
    private const string StepBack =
        "ALTER TABLE request DROP COLUMN exact_reason; ALTER TABLE request DROP COLUMN details; "
        + "PRAGMA user_version = 3";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("akkacharging-journal-");
    private readonly List<SqliteJournal> _opened = [];

    public SteppingTime Time { get; } = new();

    public string Root => _folder.FullName;

    public string Journal => Path.Combine(Root, "journal.db");

    public string Key => Journal + ".key";

    public JournalSettings Settings =>
        SettingsLoader.Defaults.Journal with
        {
            Kind = JournalKind.Sqlite,
            Path = Journal,
        };

    /// <summary>Opens a journal, or begins to.</summary>
    public async Task<SqliteJournal> StartAsync(JournalSettings? settings = null)
    {
        var journal = new SqliteJournal(settings ?? Settings, Time);
        Owns(journal);
        await journal.StartAsync(default);
        return journal;
    }

    /// <summary>Closes <paramref name="journal"/> at the end, before the folder goes.</summary>
    public void Owns(SqliteJournal journal) => _opened.Add(journal);

    public async Task<ChargingRequest> AcceptAsync(SqliteJournal journal)
    {
        var request = Sample.Request(acceptedAt: Time.GetUtcNow());
        await journal.AcceptAsync(request, idempotency: null, default);
        return request;
    }

    /// <summary>An owner of a journal's files, which has not opened them yet.</summary>
    public SqliteOwner Owner(
        JournalSettings settings,
        JournalNotice? notice = null,
        IReadOnlyList<SqliteThread>? others = null
    ) => new(settings, Time, JournalClock.For(settings, Time), others ?? [], notice, early: null);

    /// <summary>Accepts a request.</summary>
    public static RequestId Commit(SqliteOwner owner)
    {
        var request = Sample.Request();
        var row = RequestRow.Of(request, owner.Store!.Secrets);
        owner.Store.Commit([
            new SqliteWrite<AcceptResult>(
                store => store.Accept(request.Id, row, idempotency: null, Sample.Now),
                queuedAt: 0,
                canTimeOut: false
            ),
        ]);
        return request.Id;
    }

    /// <summary>What the next process would find.</summary>
    public async Task<List<RequestId>> UnsettledAsync(JournalSettings settings)
    {
        await using var journal = new SqliteJournal(settings, Time);
        await journal.StartAsync(default);
        Assert.Null(journal.Status.Problem);
        return await journal.ReadUnsettledAsync(default).Select(found => found.Request.Id).ToListAsync();
    }

    /// <summary>How often this process has a file open, even one that was removed from its path.</summary>
    public static int OpenHandles(string path) =>
        Directory
            .EnumerateFileSystemEntries("/proc/self/fd")
            .Select(handle => new FileInfo(handle).LinkTarget)
            .Count(target => target == path || target == path + " (deleted)");

    /// <summary>Lets the clock run until <paramref name="condition"/> holds.</summary>
    public Task TickUntilAsync(Func<bool> condition, string what) =>
        Eventually.HoldsAsync(
            () =>
            {
                Time.Advance(SharedTick.Period);
                return condition();
            },
            what
        );

    /// <summary>What an administrator could do to the file with SQLite's shell.</summary>
    public SqliteConnection Shell(string? sql = null)
    {
        var shell = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = Journal, Pooling = false }.ConnectionString
        );
        shell.Open();
        if (sql is not null)
            SqliteSchema.Run(shell, sql);
        return shell;
    }

    /// <summary>Turns the tables back into those of version 3.</summary>
    public void MakeOlder() => Shell(StepBack).Dispose();

    public async ValueTask DisposeAsync()
    {
        foreach (var journal in _opened)
            await journal.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
