using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>What a journal in a database does by itself, whichever database it is.</summary>
[Trait("Category", "Unit")]
public sealed class StoredJournalTests
{
    private static readonly RequestId Id = RequestId.New(Sample.Now);
    private readonly SteppingTime _time = new();
    private readonly List<RequestId> _reported = [];
    private readonly ScriptedJournal _journal;

    public StoredJournalTests() => _journal = new(_time, (id, _) => _reported.Add(id));

    public static TheoryData<string> Writes => ["accept", "look up", "decide", "attempt", "settle", "discard"];

    [Fact]
    public async Task Start_WaitsForTheFirstAttemptToOpen()
    {
        var starting = _journal.StartAsync(default);
        Assert.False(starting.IsCompleted);

        _journal.Script.Trying.SetResult();

        await starting;
        Assert.False(_journal.IsClosing);
        Assert.Same(_journal.Script.Invalid, _journal.Invalid);
    }

    [Fact]
    public async Task UnusableJournal_IsClosed_AndFailsTheStart()
    {
        var unusable = new InvalidJournalException("It is corrupt.");
        _journal.Script.Invalidity.SetResult(unusable);
        _journal.Closing.SetResult();

        var thrown = await Assert.ThrowsAsync<InvalidJournalException>(StartAsync);

        Assert.Same(unusable, thrown);
        Assert.True(_journal.IsClosing);
    }

    [Fact]
    public async Task JournalThatDoesNotClose_IsLeftAfterTenSeconds()
    {
        var closing = _journal.DisposeAsync().AsTask();

        _time.Advance(TimeSpan.FromSeconds(10) - TimeSpan.FromMilliseconds(1));
        Assert.False(closing.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        await closing;
    }

    [Fact]
    public async Task Status_TellsWhetherTheJournalIsOpen_AndWasEver()
    {
        Assert.Equal((false, StoredJournal.NotOpen, false), Status());

        var secrets = _journal.Script.Secrets;
        (_journal.Script.Secrets, _journal.Script.AcceptProblem) = (null, "It is locked.");
        await StartAsync();
        Assert.Equal((false, "It is locked.", false), Status());

        (_journal.Script.Secrets, _journal.Script.AcceptProblem) = (secrets, null);
        Assert.Equal((true, null, true), Status());

        _journal.Script.AcceptProblem = "The disk is nearly full.";
        Assert.Equal((false, "The disk is nearly full.", true), Status());

        (bool IsAvailable, string? Problem, bool WasOpen) Status() =>
            (_journal.Status.IsAvailable, _journal.Status.Problem, _journal.Status.WasOpen);
    }

    [Fact]
    public async Task HasherOfAJournalThatIsNotOpen_IsRefused_WithTheProblem()
    {
        (_journal.Script.Secrets, _journal.Script.AcceptProblem) = (null, "It is locked.");
        await StartAsync();
        Assert.Equal("It is locked.", Refusal());

        _journal.Script.AcceptProblem = null; // between the two, it is not open yet
        Assert.Equal(StoredJournal.NotOpen, Refusal());

        string Refusal() => Assert.Throws<JournalUnavailableException>(() => _journal.Hasher).Message;
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task JournalThatWasNotStarted_WritesNothing(string write)
    {
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => WriteAsync(write));

        Assert.Equal(StoredJournal.NotOpen, refused.Message);
        Assert.Empty(_journal.Written);
    }

    [Fact]
    public async Task JournalThatWasNotStarted_HasNoBacklogToRead()
    {
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await _journal.ReadUnsettledAsync(default).ToListAsync()
        );

        Assert.Equal(StoredJournal.NotOpen, refused.Message);
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task CallerThatIsGone_HasNothingWritten(string write)
    {
        await StartAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            WriteAsync(write, new CancellationToken(canceled: true))
        );

        Assert.Empty(_journal.Written);
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task JournalThatAcceptsNothing_WritesAllElse(string write)
    {
        await StartAsync();
        _journal.Script.AcceptProblem = "The disk is nearly full.";

        var refused = await Record.ExceptionAsync(() => WriteAsync(write));

        var isRefused = string.Equals(write, "accept", StringComparison.Ordinal);
        string[] expected = isRefused ? [] : [write];
        Assert.Equal(isRefused ? "The disk is nearly full." : null, refused?.Message);
        Assert.Equal(expected, _journal.Written);
    }

    [Theory]
    [InlineData("accept")]
    [InlineData("settle")]
    public async Task WallClockThatWasSet_IsNoticedBeforeItsTimeIsStored(string write)
    {
        await StartAsync();
        _journal.TakeLow();
        _time.Step = TimeSpan.FromHours(-1);

        await WriteAsync(write);

        Assert.Equal([write], _journal.Written);
        Assert.Equal(_time.GetUtcNow(), _journal.TakeLow());
    }

    [Fact]
    public async Task Backlog_FallsWithEachRow_AndIsNothingAfterTheLast()
    {
        List<UnsettledRow> rows = [Unsettled(11), Damaged(12), Unsettled(13)];
        List<UnsettledRow> none = [];
        var asked = new List<RowPlace>();
        _journal.Found = new(
            Rows: 5,
            Start: new(Lane: 0, Seq: 10),
            after =>
            {
                asked.Add(after);
                return Task.FromResult(asked.Count == 1 ? rows : none);
            }
        );
        await StartAsync();

        var left = new List<long>();
        await foreach (var _ in _journal.ReadUnsettledAsync(default))
            left.Add(_journal.Status.Backlog);

        Assert.Equal([5L, 3L], left);
        Assert.Equal((0, 1), (_journal.Status.Backlog, _journal.Status.Damaged)); // two were settled in the meantime
        Assert.Equal([rows[1].Id], _reported);
        Assert.Equal([new RowPlace(0, 10), new RowPlace(0, 13)], asked);
    }

    [Fact]
    public async Task BacklogWithMoreRowsThanWereCounted_IsNeverNegative()
    {
        var pages = new Queue<List<UnsettledRow>>([
            [Unsettled(1), Unsettled(2), Unsettled(3)],
            [],
        ]);
        _journal.Found = new(Rows: 1, Start: default, _ => Task.FromResult(pages.Dequeue()));
        await StartAsync();

        var left = new List<long>();
        await foreach (var _ in _journal.ReadUnsettledAsync(default))
            left.Add(_journal.Status.Backlog);

        Assert.Equal([1L, 0L, 0L], left);
    }

    [Fact]
    public async Task ReadingThatIsStopped_AsksForNoFurtherPage()
    {
        using var stopping = new CancellationTokenSource();
        var pages = new Queue<List<UnsettledRow>>([
            [Unsettled(1)],
            [Unsettled(2)],
            [],
        ]);
        _journal.Found = new(Rows: 2, Start: default, _ => Task.FromResult(pages.Dequeue()));
        await StartAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in _journal.ReadUnsettledAsync(stopping.Token))
                await stopping.CancelAsync();
        });

        Assert.Equal(2, pages.Count);
    }

    [Fact]
    public async Task Search_GoesOnPartByPart_UntilItHasAsManyAsAreWanted()
    {
        var ids = Enumerable.Range(1, 6).Select(i => RequestId.New(Sample.Now.AddSeconds(-i))).ToList();
        var damaged = new DamagedRow(ids[1], "its state");
        var asked = new List<(RequestId Before, int Rows, int Most)>();
        _journal.Questions.Search = (before, rows, most) =>
        {
            asked.Add((before, rows, most));
            return asked.Count switch
            {
                1 => new RequestPage([SampleRecord.Of(ids[0])], Next: ids[2], [damaged]),
                2 => new RequestPage([], Next: ids[3], []),
                _ => new RequestPage([SampleRecord.Of(ids[4]), SampleRecord.Of(ids[5])], Next: ids[5], []),
            };
        };

        var page = await _journal.SearchAsync(new(), before: null, most: 3, default);

        Assert.Equal([ids[0], ids[4], ids[5]], page.Requests.Select(record => record.Id));
        Assert.Equal([damaged], page.Damaged);
        Assert.Equal(ids[5], page.Next);
        Assert.Equal(
            [
                (new RequestQuery().EndId, RequestPages.PartRows, 3),
                (ids[2], RequestPages.PartRows, 2),
                (ids[3], RequestPages.PartRows, 2),
            ],
            asked
        );
    }

    [Fact]
    public async Task Search_EndsWithTheLastPart()
    {
        var (first, before) = (RequestId.New(Sample.Now), RequestId.New(Sample.Now.AddSeconds(1)));
        var asked = new List<RequestId>();
        _journal.Questions.Search = (from, _, _) =>
        {
            asked.Add(from);
            return new RequestPage([SampleRecord.Of(first)], asked.Count < 2 ? first : null, []);
        };

        var page = await _journal.SearchAsync(new(), before, most: 10, default);

        Assert.Null(page.Next);
        Assert.Equal(2, page.Requests.Count);
        Assert.Equal([before, first], asked);
    }

    [Fact]
    public async Task SearchOfMoreThanTwoSeconds_ReturnsWhereToGoOn()
    {
        var parts = 0;
        _journal.Questions.Search = (_, _, _) =>
        {
            parts++;
            _time.Advance(TimeSpan.FromSeconds(1));
            return new RequestPage([], Next: Id, []);
        };

        var page = await _journal.SearchAsync(new(), before: null, most: 10, default);

        Assert.Equal(Id, page.Next);
        Assert.Equal(3, parts);
    }

    [Fact]
    public async Task DamagedRequest_IsReportedOnce_WhateverMeetsIt()
    {
        var rows = Enumerable.Range(0, 3).Select(_ => new DamagedRow(RequestId.New(Sample.Now), "its state")).ToList();
        _journal.Questions.Search = (_, _, _) => new RequestPage([], Next: null, [rows[0]]);
        _journal.Questions.Letters = new([], Next: null, [rows[1]]);
        _journal.Questions.Damage = new DamagedRequestException(rows[2], apiKeyName: null);

        for (var round = 0; round < 2; round++)
        {
            await _journal.SearchAsync(new(), before: null, most: 1, default);
            await _journal.ListDeadLettersAsync(new(), after: null, most: 1, default);
            await Assert.ThrowsAsync<DamagedRequestException>(() => _journal.FindAsync(rows[2].Id, default).AsTask());
        }

        Assert.Equal(rows.Select(row => row.Id), _reported);
    }

    private Task StartAsync()
    {
        _journal.Script.Trying.SetResult();
        return _journal.StartAsync(default);
    }

    private Task WriteAsync(string write, CancellationToken cancellationToken = default) =>
        write switch
        {
            "accept" => _journal.AcceptAsync(Sample.Request(), idempotency: null, cancellationToken).AsTask(),
            "look up" => _journal.FindAcceptedAsync(new("key", "body"), cancellationToken).AsTask(),
            "decide" => _journal.DecideAsync(Id, Sample.Decision(), cancellationToken).AsTask(),
            "attempt" => _journal.RecordAttemptAsync(Id, Sample.Attempt(), cancellationToken).AsTask(),
            "settle" => _journal
                .SettleAsync(Id, new(RequestState.Expired, Sample.Now, LastAttempt: null), cancellationToken)
                .AsTask(),
            _ => _journal.DiscardAsync(Id, cancellationToken).AsTask(),
        };

    private static UnsettledRow Unsettled(long seq)
    {
        var request = Sample.Request();
        return new(new(Lane: 0, seq), request.Id, new(request, Decision: null, AttemptsMade: 0), Damage: null);
    }

    private static UnsettledRow Damaged(long seq) =>
        new(new(Lane: 0, seq), RequestId.New(Sample.Now), Request: null, "its station");

    /// <summary>A journal whose database does what a test wants, and remembers what it was to write.</summary>
    private sealed class ScriptedJournal(TimeProvider time, DamagedRowReport damaged)
        : StoredJournal("scripted", SettingsLoader.Defaults.Journal, time, damaged, notice: null)
    {
        private ScriptedWriter? _writer;

        /// <summary>The writer that the start makes.</summary>
        public ScriptedWriter Script { get; } = new();

        public ScriptedReader Questions { get; } = new();

        /// <summary>Ends when the database is closed.</summary>
        public TaskCompletionSource Closing { get; } = new();

        public bool IsClosing { get; private set; }

        /// <summary>What earlier processes have left.</summary>
        public Backlog Found { get; set; } = new(0, default, _ => Task.FromResult<List<UnsettledRow>>([]));

        public List<string> Written { get; } = [];

        protected override IJournalWriter? Writer => _writer;

        protected override IJournalReader Reader => Questions;

        public DateTimeOffset? TakeLow() => Clock.TakeLow();

        protected override IJournalWriter Start() => _writer = Script;

        protected override Task CloseAsync()
        {
            IsClosing = true;
            return Closing.Task;
        }

        protected override Task<Backlog> FindBacklogAsync(CancellationToken cancellationToken) =>
            Task.FromResult(Found);

        protected override Task<AcceptResult> WriteAcceptAsync(RequestId id, RequestRow row, IdempotencyClaim? claim) =>
            WriteAsync("accept", new AcceptResult(AcceptOutcome.Accepted, id));

        protected override Task<AcceptResult?> LookUpAcceptedAsync(IdempotencyClaim claim) =>
            WriteAsync<AcceptResult?>("look up", null);

        protected override Task<Decision> WriteDecisionAsync(RequestId id, Decision decision, StoredDecision stored) =>
            WriteAsync("decide", decision);

        protected override Task WriteAttemptAsync(RequestId id, CallbackAttempt attempt) => WriteAsync("attempt", true);

        protected override Task WriteSettlementAsync(RequestId id, Settlement settlement) => WriteAsync("settle", true);

        protected override Task<int?> WriteRedriveAsync(RequestId id, Redrive redrive) =>
            WriteAsync<int?>("redrive", 0);

        protected override Task<bool> WriteDiscardAsync(RequestId id) => WriteAsync("discard", true);

        private Task<T> WriteAsync<T>(string write, T answer)
        {
            Written.Add(write);
            return Task.FromResult(answer);
        }
    }

    private sealed class ScriptedWriter : IJournalWriter
    {
        public TaskCompletionSource Trying { get; } = new();

        public TaskCompletionSource<InvalidJournalException> Invalidity { get; } = new();

        public Task Tried => Trying.Task;

        public Task<InvalidJournalException> Invalid => Invalidity.Task;

        public Task Ended => Task.CompletedTask;

        public JournalSecrets? Secrets { get; set; } =
            JournalSecrets.Create(new KeyRing([EncryptionKey.TryParse(EncryptionKey.Generate())!]));

        public string? AcceptProblem { get; set; }

        public void Stop() { }
    }

    private sealed class ScriptedReader : IJournalReader
    {
        /// <summary>Answers a part of a search.</summary>
        public Func<RequestId, int, int, RequestPage> Search { get; set; } =
            (_, _, _) => new RequestPage([], Next: null, []);

        public DeadLetterPage Letters { get; set; } = new([], Next: null, []);

        /// <summary>What a look-up fails with; null for a request that does not exist.</summary>
        public DamagedRequestException? Damage { get; set; }

        public Task<RequestRecord?> FindAsync(RequestId id, JournalSecrets? secrets, DateTimeOffset oldest) =>
            Damage is null ? Task.FromResult<RequestRecord?>(null) : Task.FromException<RequestRecord?>(Damage);

        public Task<RequestPage> SearchAsync(
            RequestQuery query,
            RequestId before,
            int rows,
            int most,
            DateTimeOffset oldest
        ) => Task.FromResult(Search(before, rows, most));

        public Task<DeadLetterPage> ListDeadLettersAsync(
            DeadLetterQuery query,
            DeadLetterCursor? after,
            int most,
            DateTimeOffset oldest
        ) => Task.FromResult(Letters);

        public Task<long> CountDeadLettersAsync(DeadLetterQuery query, DateTimeOffset oldest) => Task.FromResult(0L);

        public Task<(bool IsFound, Redrive? Redrive)> FindDeadLetterAsync(
            RequestId id,
            JournalSecrets secrets,
            DateTimeOffset at,
            DateTimeOffset oldest
        ) => Task.FromResult<(bool, Redrive?)>((false, null));
    }
}
