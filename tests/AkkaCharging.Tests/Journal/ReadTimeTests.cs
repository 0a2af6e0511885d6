using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>Who asks about a request waits for 5 s at most while a disk hangs, and few wait.</summary>
[Trait("Category", "Component")]
[Collection("SQLite journal")]
public sealed class ReadTimeTests : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    public static TheoryData<string> Names => ["look-up", "search", "dead letters", "count", "redrive"];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task QuestionThatIsNotAnswered_Fails_AndIsWithdrawn(string name)
    {
        await using var journal = new HangingJournal(_folder);
        await journal.StartAsync(default);
        var asked = AskAsync(journal, name, default);
        var patience = TimeSpan.FromSeconds(name == "count" ? 25 : 5);

        _folder.Time.Advance(patience - TimeSpan.FromMilliseconds(1));
        Assert.False(asked.IsCompleted);
        Assert.False(journal.Questions.Left.IsCancellationRequested);
        _folder.Time.Advance(TimeSpan.FromMilliseconds(1));

        var problem = await Assert.ThrowsAsync<JournalUnavailableException>(() => asked);
        Assert.Equal($"The journal has not answered a question for {patience.TotalSeconds} s.", problem.Message);
        Assert.True(journal.Questions.Left.IsCancellationRequested);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task QuestionWhoseCallerLeaves_IsWithdrawn(string name)
    {
        await using var journal = new HangingJournal(_folder);
        await journal.StartAsync(default);
        using var leaving = new CancellationTokenSource();
        var asked = AskAsync(journal, name, leaving.Token);
        Assert.False(journal.Questions.Left.IsCancellationRequested);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        Assert.True(journal.Questions.Left.IsCancellationRequested);
    }

    [Fact]
    public async Task QuestionsThatWait_AreBounded()
    {
        using var thread = new SqliteThread("reading", _folder.Settings);
        using var release = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        await (await _folder.StartAsync()).DisposeAsync();
        var hanging = thread.RunAsync(_ =>
        {
            begun.Set();
            release.Wait();
            return 0;
        });
        begun.Wait();
        var waiting = Enumerable.Range(1, 4_096).Select(i => thread.RunAsync(_ => i)).ToList();

        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => thread.RunAsync(_ => 0));

        Assert.Equal("4096 questions wait for the disk.", refused.Message);
        release.Set();
        await hanging;
        Assert.Equal(Enumerable.Range(1, 4_096), await Task.WhenAll(waiting));
        Assert.Equal(1, await thread.RunAsync(_ => 1));
    }

    private static Task AskAsync(HangingJournal journal, string name, CancellationToken cancellationToken) =>
        name switch
        {
            "look-up" => journal.FindAsync(RequestId.New(Sample.Now), cancellationToken).AsTask(),
            "search" => journal.SearchAsync(new(), before: null, most: 10, cancellationToken).AsTask(),
            "dead letters" => journal.ListDeadLettersAsync(new(), after: null, most: 10, cancellationToken).AsTask(),
            "count" => journal.CountDeadLettersAsync(new(), cancellationToken).AsTask(),
            _ => journal.RedriveAsync(RequestId.New(Sample.Now), Sample.Now, cancellationToken).AsTask(),
        };

    /// <summary>A journal whose disk answers nothing once it is open.</summary>
    private sealed class HangingJournal(JournalFolder folder)
        : StoredJournal("sqlite", folder.Settings, folder.Time, damaged: null, notice: null)
    {
        private SqliteWriter? _writer;

        protected override IJournalWriter? Writer => _writer;

        protected override IJournalReader Reader => Questions;

        public HangingReader Questions { get; } = new();

        protected override IJournalWriter Start() => _writer = new SqliteWriter(folder.Settings, folder.Time);

        protected override Task CloseAsync()
        {
            _writer?.Stop();
            return _writer?.Ended ?? Task.CompletedTask;
        }

        protected override Task<Backlog> FindBacklogAsync(CancellationToken cancellationToken) => NeverAsync<Backlog>();

        protected override Task<AcceptResult> WriteAcceptAsync(RequestId id, RequestRow row, IdempotencyClaim? claim) =>
            NeverAsync<AcceptResult>();

        protected override Task<AcceptResult?> LookUpAcceptedAsync(IdempotencyClaim claim) =>
            NeverAsync<AcceptResult?>();

        protected override Task<Decision> WriteDecisionAsync(RequestId id, Decision decision, StoredDecision stored) =>
            NeverAsync<Decision>();

        protected override Task WriteAttemptAsync(RequestId id, CallbackAttempt attempt) => NeverAsync<bool>();

        protected override Task WriteSettlementAsync(RequestId id, Settlement settlement) => NeverAsync<bool>();

        protected override Task<int?> WriteRedriveAsync(RequestId id, Redrive redrive) => NeverAsync<int?>();

        protected override Task<bool> WriteDiscardAsync(RequestId id) => NeverAsync<bool>();
    }

    private sealed class HangingReader : IJournalReader
    {
        /// <summary>Cancelled when the caller of the last question waits no longer.</summary>
        public CancellationToken Left { get; private set; }

        public IJournalReader Until(CancellationToken left)
        {
            Left = left;
            return this;
        }

        public Task<RequestRecord?> FindAsync(RequestId id, JournalSecrets? secrets, DateTimeOffset oldest) =>
            NeverAsync<RequestRecord?>();

        public Task<RequestPage> SearchAsync(
            RequestQuery query,
            RequestId before,
            int rows,
            int most,
            DateTimeOffset oldest
        ) => NeverAsync<RequestPage>();

        public Task<DeadLetterPage> ListDeadLettersAsync(
            DeadLetterQuery query,
            DeadLetterCursor? after,
            int most,
            DateTimeOffset oldest
        ) => NeverAsync<DeadLetterPage>();

        public Task<long> CountDeadLettersAsync(DeadLetterQuery query, DateTimeOffset oldest) => NeverAsync<long>();

        public Task<(bool IsFound, Redrive? Redrive)> FindDeadLetterAsync(
            RequestId id,
            JournalSecrets secrets,
            DateTimeOffset at,
            DateTimeOffset oldest
        ) => NeverAsync<(bool, Redrive?)>();
    }

    private static Task<T> NeverAsync<T>() => new TaskCompletionSource<T>().Task;
}
