using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal.Sqlite;

/// <summary>Which indexes and columns a question reads, which the lack of the others shows.</summary>
[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class SqliteReaderTests : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _folder.DisposeAsync();

    [Theory]
    [InlineData(false, "request_dead_destination")]
    [InlineData(true, "request_dead")]
    public async Task DeadLetters_AreFoundByTheIndexOfWhatIsAsked(bool hasDestination, string other)
    {
        await using var journal = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(journal);
        await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
        await _folder.Shell($"DROP INDEX {other}").DisposeAsync();
        var query = new DeadLetterQuery(hasDestination ? request.Callback.Destination : null);

        var page = await journal.ListDeadLettersAsync(query, after: null, most: 10, default);

        Assert.Equal(request.Id, Assert.Single(page.Letters).Id);
        Assert.Equal(1, await journal.CountDeadLettersAsync(query, default));
    }

    [Fact]
    public async Task CountWithoutABoundOfAcceptance_DoesNotReadIt()
    {
        await using var journal = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(journal);
        await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
        await _folder.Shell("UPDATE request SET accepted_at = 'damaged'").DisposeAsync();

        Assert.Equal(1, await journal.CountDeadLettersAsync(new(), default));
    }

    [Fact]
    public async Task QuestionsWhoseCallerHasLeft_AreNotAsked_WhenTheirTurnComes()
    {
        await (await _folder.StartAsync()).DisposeAsync();
        var id = RequestId.New(Sample.Now);
        var secrets = JournalSecrets.Create(new KeyRing([EncryptionKey.TryParse(EncryptionKey.Generate())!]));
        using var thread = new SqliteThread("reading", _folder.Settings);
        using var reader = new SqliteReader(thread, JournalClock.For(_folder.Settings, _folder.Time));
        using var release = new ManualResetEventSlim();
        using var left = new CancellationTokenSource();
        var slow = thread.RunAsync(_ =>
        {
            release.Wait();
            return 0;
        });
        var caller = reader.Until(left.Token);
        Task[] questions =
        [
            caller.FindAsync(id, secrets: null, oldest: default),
            caller.SearchAsync(new(), before: id, rows: 1, most: 1, oldest: default),
            caller.ListDeadLettersAsync(new(), after: null, most: 1, oldest: default),
            caller.CountDeadLettersAsync(new(), oldest: default),
            caller.FindDeadLetterAsync(id, secrets, Sample.Now, oldest: default),
        ];
        var another = reader.Until(default).FindAsync(id, secrets: null, oldest: default);

        await left.CancelAsync();
        release.Set();

        await slow;
        foreach (var question in questions)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => question);
        Assert.Null(await another);
    }
}
