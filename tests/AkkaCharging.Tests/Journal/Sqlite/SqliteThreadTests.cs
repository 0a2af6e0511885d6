using System.Data;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Testing;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Tests.Journal.Sqlite;

[Trait("Category", "Component")]
public sealed class SqliteThreadTests : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();
    private SqliteThread _thread = null!;

    public Task InitializeAsync()
    {
        _folder.Shell("CREATE TABLE number (value INTEGER UNIQUE)").Dispose();
        _thread = new SqliteThread("test", _folder.Settings);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        _thread.Dispose();
        await _folder.DisposeAsync();
    }

    [Fact]
    public async Task Work_SharesOneConnection_AndEndsWithIt()
    {
        var first = await _thread.RunAsync(connection => connection);
        Assert.Same(first, await _thread.RunAsync(connection => connection));
        Assert.Equal(ConnectionState.Open, first.State);

        _thread.Dispose();

        Assert.Equal(ConnectionState.Closed, first.State);
    }

    [Fact]
    public async Task Thread_DoesNotKeepTheProcessFromEnding() =>
        Assert.True(await _thread.RunAsync(_ => Thread.CurrentThread.IsBackground));

    [Fact]
    public async Task ErrorOfTheDatabase_IsToldByItsName_AndTheNextWorkHasAConnectionOfItsOwn()
    {
        var first = await _thread.RunAsync(connection => connection);

        var failed = await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            _thread.RunAsync(connection =>
            {
                SqliteSchema.Run(connection, "SELECT * FROM nothing");
                return 0;
            })
        );

        Assert.IsType<SqliteException>(failed.InnerException);
        Assert.Contains(_folder.Journal, failed.Message, StringComparison.Ordinal);
        Assert.Equal(ConnectionState.Closed, first.State);
        Assert.NotSame(first, await _thread.RunAsync(connection => connection));
    }

    [Fact]
    public async Task DefectOfOneWork_IsItsCallers_AndTheNextOneRuns()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            _thread.RunAsync<int>(_ => throw new InvalidOperationException("a defect"))
        );

        Assert.Equal(1, await _thread.RunAsync(_ => 1));
    }

    [Fact]
    public async Task WorkThatNobodyWaitsForAnyMore_IsSkipped()
    {
        using var release = new ManualResetEventSlim();
        using var left = new CancellationTokenSource();
        var hasRun = false;
        var slow = _thread.RunAsync(_ =>
        {
            release.Wait();
            return 0;
        });
        var abandoned = _thread.RunAsync(_ => hasRun = true, left.Token);
        var awaited = _thread.RunAsync(_ => 1);

        await left.CancelAsync();
        release.Set();

        Assert.Equal((0, 1), (await slow, await awaited));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);
        Assert.False(hasRun);
    }

    [Fact]
    public async Task Pause_ClosesTheConnection_AndSaysWhy_UntilItEnds()
    {
        var before = await _thread.RunAsync(connection => connection);
        Assert.False(_thread.IsPaused);

        await _thread.PauseAsync("the files are made again").WaitAsync(Eventually.Patience);

        Assert.True(_thread.IsPaused);
        Assert.Equal(ConnectionState.Closed, before.State);
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => _thread.RunAsync(_ => 1));
        Assert.Equal("the files are made again", refused.Message);

        _thread.Resume();

        Assert.False(_thread.IsPaused);
        Assert.Equal(1, await _thread.RunAsync(_ => 1));
    }

    [Fact]
    public async Task ClosedThread_RefusesWork_AndHasNothingToPause()
    {
        _thread.Dispose();

        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => _thread.RunAsync(_ => 1));
        Assert.Equal("The journal is closed.", refused.Message);
        await _thread.PauseAsync("it is closed").WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task StatementThatFails_ReturnsNoRows_AndRunsAgain()
    {
        await _thread.RunAsync(connection =>
        {
            using var insert = new PreparedWrite(connection, "INSERT INTO number VALUES ($0) RETURNING value");
            Assert.Equal(["1"], insert.Read(row => row.Text(0), 1));
            Assert.Throws<SqliteException>(() => insert.Read(row => row.Text(0), 1));
            Assert.Equal(["2"], insert.Read(row => row.Text(0), 2));
            return true;
        });
    }
}
