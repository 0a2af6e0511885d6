using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;
using AkkaCharging.Tests.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Tests.Journal.Sqlite;

/// <summary>
/// What opening and each statement do to the tables, what leaves the table of requests, and how much of it at a time.
/// </summary>
[Trait("Category", "Component")]
public sealed class SqliteStoreTests : IAsyncLifetime
{
    private const int PurgeRowsMax = 200;
    private static readonly DateTimeOffset Old = Sample.Now;
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync()
    {
        File.WriteAllText(_folder.Journal, "");
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _folder.DisposeAsync();

    [Fact]
    public void StepOfRetention_DeletesAFewOfAllGroups_AndTellsWhetherThereIsMore()
    {
        using var store = Open(_folder.Settings);
        Settle(store, "fleet", PurgeRowsMax - 50);
        Settle(store, "roaming", PurgeRowsMax - 50);
        Settle(store, apiKey: null, PurgeRowsMax);
        var left = (3 * PurgeRowsMax) - 100;

        for (; left > PurgeRowsMax; left -= PurgeRowsMax)
        {
            Assert.True(store.Purge(Old, Old));
            Assert.Equal(left - PurgeRowsMax, Count());
        }

        Assert.False(store.Purge(Old, Old));
        Assert.Equal(0, Count());
        Assert.False(store.Purge(Old, Old));
    }

    [Fact]
    public void RequestsThatAreOld_LeaveNoTraceInTheCounts()
    {
        using var store = Open(_folder.Settings with { MaxSettledRows = 10 });
        Settle(store, "fleet", 10);
        Assert.False(store.Purge(Old, Old)); // at the limit, not above it
        Assert.Equal(0, Count());

        Settle(store, "fleet", 10, Old.AddHours(1));
        store.Commit([]);

        Assert.Equal(10, Count());
    }

    [Fact]
    public void MoreThanTheLimit_IsMoreToDelete()
    {
        using (var before = Open(_folder.Settings))
            Settle(before, "fleet", 11);
        using var store = Open(_folder.Settings with { MaxSettledRows = 10 });

        Assert.True(store.Purge(Old.AddHours(-1), Old)); // nothing is old
        store.Commit([]);

        Assert.Equal(10, Count());
        Assert.False(store.Purge(Old.AddHours(-1), Old));
    }

    [Fact]
    public void ExpiredKeys_LeaveAFewAtATime()
    {
        using var store = Open(_folder.Settings);
        Write(
            store,
            PurgeRowsMax + 1,
            (request, row, i) => store.Accept(request.Id, row, new IdempotencyClaim($"key-{i}", "body"), Old)
        );
        var expired = Old + IdempotencyClaim.Retention;

        Assert.True(store.Purge(Old, expired));
        Assert.False(store.Purge(Old, expired));
    }

    [Fact]
    public void OwnerThatOpensAgain_KeepsItsNumber_UntilThereIsALaterOne()
    {
        long mine;
        using (var first = Open(_folder.Settings))
            mine = first.Epoch;
        using (var again = SqliteStore.Open(_folder.Settings, _folder.Time, mine))
            Assert.Equal(mine, again.Epoch);
        using (var later = Open(_folder.Settings))
            Assert.Equal(mine + 1, later.Epoch);

        Assert.Throws<JournalTakenException>(() => SqliteStore.Open(_folder.Settings, _folder.Time, mine));
        Assert.Equal(0, JournalFolder.OpenHandles(_folder.Journal));
    }

    [Fact]
    public void FileThatIsNoDatabase_IsRefused_AndClosed()
    {
        File.WriteAllText(_folder.Journal, "this is not a database, and long enough not to be taken for one");

        var invalid = Assert.Throws<InvalidJournalException>(() => Open(_folder.Settings));

        Assert.Contains("Restore it from a backup", invalid.Message, StringComparison.Ordinal);
        Assert.Equal(0, JournalFolder.OpenHandles(_folder.Journal));
    }

    [Theory]
    [InlineData("request_unsettled")]
    [InlineData("request_leaving")]
    public void FileThatCannotBeReadWhileItIsOpened_IsClosed(string index)
    {
        Open(_folder.Settings).Dispose();
        using (var shell = _folder.Shell())
            SqliteSchema.Run(shell, $"DROP INDEX {index}");

        Assert.Throws<SqliteException>(() => Open(_folder.Settings));

        Assert.Equal(0, JournalFolder.OpenHandles(_folder.Journal));
    }

    [Fact]
    public void KeyThatNothingNeedsAnyMore_IsForgotten()
    {
        OpenWith(SettingsTable.EncryptionKey);
        OpenWith(SettingsTable.OtherEncryptionKey, SettingsTable.EncryptionKey);
        OpenWith(SettingsTable.OtherEncryptionKey);

        using var shell = _folder.Shell();
        Assert.Equal(1, SqliteSchema.Number(shell, "SELECT count(*) FROM encryption_key"));

        void OpenWith(params string[] keys) => Open(_folder.Settings with { EncryptionKeys = keys }).Dispose();
    }

    [Fact]
    public void Clock_IsStoredByACommit_OnceAMinute()
    {
        var clock = JournalClock.For(_folder.Settings, _folder.Time);
        using var store = SqliteStore.Open(_folder.Settings, _folder.Time, clock: clock);
        using var shell = _folder.Shell();
        var stored = new HashSet<string?>();
        for (var minute = 0; minute < 3; minute++)
        {
            Assert.True(clock.IsSaveDue());
            store.Commit([]);
            Assert.False(clock.IsSaveDue());
            Assert.True(stored.Add(SqliteMeta.ReadClock(shell)));

            _folder.Time.Advance(JournalClock.SaveEvery / 2);
            store.Commit([]);
            Assert.False(stored.Add(SqliteMeta.ReadClock(shell)));
            _folder.Time.Advance(JournalClock.SaveEvery / 2);
        }
    }

    [Fact]
    public void FirstDecision_IsAnsweredAsItWasGiven_AndALaterOneWithIt()
    {
        using var store = Open(_folder.Settings);
        var first = Sample.Decision();
        var later = Sample.Decision(Old.AddSeconds(1), AuthorizationStatus.NotAllowed);
        Write(
            store,
            1,
            (request, row, _) =>
            {
                store.Accept(request.Id, row, idempotency: null, Old);
                Assert.Same(first, Decide(request.Id, first)); // without reading it back
                Assert.Equal(first, Decide(request.Id, later));
            }
        );

        Decision Decide(RequestId id, Decision decision) =>
            store.Decide(id, decision, StoredDecision.Of(id, decision, store.Secrets));
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    public void Settlement_CountsItsAttempt_IfItHasOne(bool hasAttempt, int expected)
    {
        using var store = Open(_folder.Settings);
        Write(
            store,
            1,
            (request, row, _) =>
            {
                store.Accept(request.Id, row, idempotency: null, Old);
                store.RecordAttempt(request.Id, Sample.Attempt());
                store.Settle(request.Id, new(RequestState.Failed, Old, hasAttempt ? Sample.Attempt() : null));
            }
        );

        using var shell = _folder.Shell();
        Assert.Equal(expected, SqliteSchema.Number(shell, "SELECT attempts_made FROM request"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RequestThatIsTakenBack_Leaves_WithItsKeyIfItHasOne(bool hasKey)
    {
        using var store = Open(_folder.Settings);
        var (its, another) = (new IdempotencyClaim("its", "body"), new IdempotencyClaim("another", "body"));
        Write(store, 1, (request, row, _) => store.Accept(request.Id, row, another, Old));
        Write(
            store,
            1,
            (request, row, _) =>
            {
                var claim = hasKey ? its : null;
                store.Accept(request.Id, row, claim, Old);
                store.TakeBack(request.Id, claim);
            }
        );

        Assert.Equal(1, Count());
        Assert.Null(store.FindAccepted(its, Old));
        Assert.NotNull(store.FindAccepted(another, Old));
    }

    private SqliteStore Open(JournalSettings settings) => SqliteStore.Open(settings, _folder.Time);

    private static void Settle(SqliteStore store, string? apiKey, int count, DateTimeOffset? at = null) =>
        Write(
            store,
            count,
            (request, row, _) =>
            {
                store.Accept(request.Id, row with { ApiKeyName = apiKey }, idempotency: null, Old);
                Assert.Equal(1, store.Settle(request.Id, new(RequestState.Delivered, at ?? Old, LastAttempt: null)));
            }
        );

    /// <summary>Writes for each of so many requests, in one transaction.</summary>
    private static void Write(SqliteStore store, int count, Action<ChargingRequest, RequestRow, int> write) =>
        store.Commit([
            new SqliteWrite<int>(
                _ =>
                {
                    for (var i = 0; i < count; i++)
                    {
                        var request = Sample.Request();
                        write(request, RequestRow.Of(request, store.Secrets), i);
                    }

                    return count;
                },
                queuedAt: 0,
                canTimeOut: false
            ),
        ]);

    private long Count()
    {
        using var shell = _folder.Shell();
        return SqliteSchema.Number(shell, "SELECT count(*) FROM request");
    }
}
