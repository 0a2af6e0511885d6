using System.Collections.Concurrent;
using System.Net.Sockets;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using Npgsql;

namespace AkkaCharging.Tests.Journal.Postgres;

/// <summary>
/// Npgsql wraps most failures, but not that of a process that may open no more sockets (EMFILE, ENFILE, ENOBUFS).
/// </summary>
[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class PostgresSocketTests(SharedPostgres postgres)
{
    [Theory]
    [InlineData(typeof(SocketException))]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(TimeoutException))]
    public async Task ReaderWithoutASocket_ReportsThatTheJournalIsUnavailable(Type failure)
    {
        await using var connections = Connections(
            await postgres.NewSettingsAsync(),
            () => (Exception)Activator.CreateInstance(failure)!
        );
        var reader = new PostgresReader(connections, new JournalClock(TimeProvider.System, TimeSpan.FromDays(1)));

        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            reader.FindAsync(Sample.Request().Id, secrets: null, DateTimeOffset.MinValue)
        );
    }

    [Fact]
    public async Task Retention_GoesOnAfterAnyFailure_AndReportsTheUnexpectedOnce()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings); // makes the tables
        Exception[] failures =
        [
            new SocketException(),
            new InvalidOperationException("a defect"),
            new InvalidOperationException("the same one"),
        ];
        var opened = 0;
        await using var connections = Connections(
            settings,
            () => Interlocked.Increment(ref opened) <= failures.Length ? failures[opened - 1] : null
        );
        var notices = new ConcurrentQueue<string>();
        var clock = new JournalClock(TimeProvider.System, TimeSpan.FromDays(1));
        var retention = new PostgresRetention(
            connections,
            settings,
            TimeProvider.System,
            clock,
            new PostgresClock(clock, TimeProvider.System, Guid.NewGuid()),
            new EarlyDeletions(TimeProvider.System, notice: null),
            isShared: false,
            (notice, _) => notices.Enqueue(notice)
        );
        using var stopping = new CancellationTokenSource();

        var running = retention.RunAsync(() => true, stopping.Token);
        await Eventually.HoldsAsync(() => running.IsCompleted || notices.Count >= 2, "it goes on");
        await stopping.CancelAsync();
        await running;

        Assert.Collection(
            notices,
            notice => Assert.Contains("a defect", notice, StringComparison.Ordinal),
            notice => Assert.Equal("Old requests are deleted again.", notice)
        );
    }

    private static NpgsqlDataSource Connections(JournalSettings settings, Func<Exception?> failure)
    {
        return new NpgsqlDataSourceBuilder(settings.ConnectionString)
            .UsePhysicalConnectionInitializer(_ => Fail(), _ => FailAsync())
            .Build();

        void Fail()
        {
            if (failure() is { } next)
                throw next;
        }

        Task FailAsync()
        {
            Fail();
            return Task.CompletedTask;
        }
    }
}
