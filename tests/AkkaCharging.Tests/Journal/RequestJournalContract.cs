using System.Diagnostics;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>What every kind of journal promises; each kind's tests inherit these.</summary>
public abstract partial class RequestJournalContract : IAsyncLifetime
{
    private const int Callers = 100;
    private readonly List<IJournal> _made = [];

    private protected SteppingTime Time { get; } = new();

    private protected static JournalSettings Defaults => SettingsLoader.Defaults.Journal;

    /// <summary>How often a race is run, where opening a journal costs little.</summary>
    private protected virtual int RaceRounds => 200;

    /// <summary>A new, empty journal on <see cref="Time"/>.</summary>
    private protected abstract Task<IJournal> CreateAsync(JournalSettings settings);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var journal in _made)
            await journal.DisposeAsync();
    }

    [Fact]
    public async Task AcceptedRequest_IsFound_WithoutItsSecrets()
    {
        var journal = await NewAsync();
        var request = Sample.Request() with { ApiKeyName = "fleet" };

        Assert.Equal(
            new AcceptResult(AcceptOutcome.Accepted, request.Id),
            await journal.AcceptAsync(request, idempotency: null, default)
        );

        var found = await journal.FindAsync(request.Id, default);
        Assert.NotNull(found);
        Assert.Equal(
            (request.Id, request.Station.Text, "cana***", "fleet", RequestState.Queued, null, request.AcceptedAt, null),
            (
                found.Id,
                found.StationId,
                found.DriverTokenMasked,
                found.ApiKeyName,
                found.State,
                found.Decision,
                found.AcceptedAt,
                found.SettledAt
            )
        );
        Assert.Empty(found.Attempts);
        Assert.DoesNotContain("canary", found.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownId_IsNotFound_AndItsWritesDoNothing()
    {
        var journal = await NewAsync();
        var id = RequestId.New(Sample.Now);

        await journal.RecordAttemptAsync(id, Sample.Attempt(), default);
        await journal.SettleAsync(id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);

        Assert.Equal(Sample.Decision(), await journal.DecideAsync(id, Sample.Decision(), default));
        Assert.Null(await journal.FindAsync(id, default));
    }

    [Theory]
    [InlineData(nameof(RequestState.Delivered))]
    [InlineData(nameof(RequestState.Failed))]
    [InlineData(nameof(RequestState.Expired))]
    public async Task DecisionOfASettledRequest_Stands(string state)
    {
        var journal = await NewAsync();
        var request = Sample.Request();
        var first = Sample.Decision();
        await journal.AcceptAsync(request, idempotency: null, default);
        await journal.DecideAsync(request.Id, first, default);
        await journal.SettleAsync(request.Id, new(Enum.Parse<RequestState>(state), Sample.Now, null), default);

        var other = new Decision(AuthorizationStatus.NotAllowed, DecisionReason.Blocked, Sample.Now);
        Assert.Equal(first, await journal.DecideAsync(request.Id, other, default));
        await journal.RecordAttemptAsync(request.Id, Sample.Attempt(), default);

        var found = await journal.FindAsync(request.Id, default);
        Assert.Equal(first, found!.Decision);
        Assert.Empty(found.Attempts);
    }

    private protected static readonly AuthorizationDetails Details = new()
    {
        AuthorizationReference = "canary-reference",
        Language = "de",
        Text = "Guthaben aufgebraucht – äöü",
        Party = "NL-TNM",
        ValidUntil = Sample.Now.AddHours(1),
        Group = "canary-group",
    };

    [Fact]
    public async Task FreshJournal_IsAvailable() =>
        Assert.Equal((true, null), ((await NewAsync()).Status.IsAvailable, (await NewAsync()).Status.Problem));

    [Fact]
    public async Task FirstDecision_StandsForAllOfManyDeciders()
    {
        var journal = await NewAsync();
        var request = await AcceptAsync(journal);

        var standing = await TogetherAsync(caller =>
            journal.DecideAsync(request.Id, Sample.Decision(Sample.Now.AddMilliseconds(caller)), default)
        );

        var decision = Assert.Single(standing.Distinct());
        var found = await journal.FindAsync(request.Id, default);
        Assert.Equal((RequestState.Decided, decision), (found!.State, found.Decision));
    }

    [Theory]
    [InlineData("deadline")]
    [InlineData("no_credit")]
    [InlineData("concurrent_session")]
    [InlineData("no_route")]
    [InlineData("no_location")]
    [InlineData("authorized")]
    public async Task Decision_IsKeptWithItsReasonAndDetails(string reason)
    {
        var journal = await NewAsync();
        var request = await AcceptAsync(journal);
        var decision = Sample.Decision() with { Reason = Sample.Reason(reason), Details = Details };

        await journal.DecideAsync(request.Id, decision, default);

        Assert.Equal(decision, await journal.DecideAsync(request.Id, Sample.Decision(), default));
        Assert.Equal(decision, (await journal.FindAsync(request.Id, default))!.Decision);
        await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
        Assert.Equal(decision, (await journal.FindAsync(request.Id, default))!.Decision);
        var redriven = await ((IDeadLetterStore)journal).RedriveAsync(request.Id, Sample.Now.AddMinutes(1), default);
        Assert.Equal(decision, redriven.Request!.Decision);
    }

    [Fact]
    public async Task FirstSettlement_StandsForAllOfManySettlers()
    {
        var journal = await NewAsync();
        var request = await AcceptAsync(journal);

        await TogetherAsync(async caller =>
        {
            await journal.SettleAsync(
                request.Id,
                new(RequestState.Delivered, Sample.Now.AddSeconds(caller), Sample.Attempt()),
                default
            );
            return true;
        });
        var first = await journal.FindAsync(request.Id, default);
        await journal.SettleAsync(
            request.Id,
            new(RequestState.Failed, Sample.Now.AddDays(1), Sample.Attempt()),
            default
        );

        var found = await journal.FindAsync(request.Id, default);
        Assert.Equal((RequestState.Delivered, first!.SettledAt), (found!.State, found.SettledAt));
        Assert.Single(found.Attempts);
    }

    [Fact]
    public async Task Attempts_AreKeptInOrder_WithTheLastOneFromTheSettlement()
    {
        var journal = await NewAsync();
        var request = await AcceptAsync(journal);
        CallbackAttempt[] attempts =
        [
            Sample.Attempt(CallbackOutcome.NetworkError, at: Sample.Now.AddSeconds(1)) with
            {
                Cause = AttemptCause.NameNotFound,
            },
            Sample.Attempt(CallbackOutcome.Timeout, at: Sample.Now.AddSeconds(2)),
            new(Sample.Now.AddSeconds(3), TimeSpan.FromMilliseconds(7), HttpStatus: 503, CallbackOutcome.HttpError),
            new(Sample.Now.AddSeconds(4), TimeSpan.FromMilliseconds(8), HttpStatus: 200, CallbackOutcome.Success),
        ];

        foreach (var attempt in attempts[..3])
            await journal.RecordAttemptAsync(request.Id, attempt, default);
        await journal.SettleAsync(
            request.Id,
            new(RequestState.Delivered, Sample.Now.AddSeconds(5), attempts[3]),
            default
        );

        var found = await journal.FindAsync(request.Id, default);
        Assert.Equal(attempts, found!.Attempts);
        Assert.Equal((request.ExpiresAt, attempts.Length), (found.ExpiresAt, found.AttemptsMade));
        Assert.Equal(Sample.Now.AddSeconds(5), found.SettledAt);
    }

    [Fact]
    public async Task SettledRequest_IsForgottenAfterItsRetention_APendingOneNever()
    {
        var journal = await NewAsync(Defaults with { RetentionHours = 24 });
        var (settled, pending) = (await AcceptAsync(journal), await AcceptAsync(journal));
        await SettleAsync(journal, settled);

        Time.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(1));
        Assert.NotNull(await journal.FindAsync(settled.Id, default));
        Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Null(await journal.FindAsync(settled.Id, default));
        Assert.NotNull(await journal.FindAsync(pending.Id, default));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task SettledRequestsBeyondTheMostThatAreKept_AreForgotten_OldestFirst(int kept)
    {
        var journal = await NewAsync(Defaults with { MaxSettledRows = kept });
        var requests = new List<ChargingRequest>();
        for (var i = 0; i < 5; i++)
        {
            requests.Add(await AcceptAsync(journal));
            await SettleAsync(journal, requests[^1]);
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        var expected = Enumerable.Range(0, 5).Select(index => index >= 5 - kept).ToList();
        var found = new List<bool>();
        for (
            var started = Stopwatch.GetTimestamp();
            !found.SequenceEqual(expected) && Stopwatch.GetElapsedTime(started) < Eventually.Patience;

        )
        {
            // Again for a while: a database deletes in the background, not before it answers.
            found.Clear();
            foreach (var request in requests)
                found.Add(await journal.FindAsync(request.Id, default) is not null);
        }

        Assert.Equal(expected, found);
    }

    [Fact]
    public async Task SameIdempotencyKeyAndBody_IsAcceptedOnceByManyCallers()
    {
        var journal = await NewAsync();
        var claim = new IdempotencyClaim("k", "b");

        var results = await TogetherAsync(_ => journal.AcceptAsync(Sample.Request(), claim, default));

        var accepted = Assert.Single(results, result => result.Outcome == AcceptOutcome.Accepted);
        Assert.Equal(Callers - 1, results.Count(result => result.Outcome == AcceptOutcome.Replayed));
        Assert.All(results, result => Assert.Equal(accepted.Id, result.Id));
        Assert.NotNull(await journal.FindAsync(accepted.Id, default));
    }

    [Fact]
    public async Task SameIdempotencyKeyWithAnotherBody_IsAConflict_AndKeepsNothing()
    {
        var journal = await NewAsync();
        var (first, second) = (Sample.Request(), Sample.Request());

        await journal.AcceptAsync(first, new("k", "b"), default);

        Assert.Equal(
            new AcceptResult(AcceptOutcome.Conflict, first.Id),
            await journal.AcceptAsync(second, new("k", "other"), default)
        );
        Assert.Null(await journal.FindAsync(second.Id, default));
        Assert.Equal(AcceptOutcome.Accepted, (await journal.AcceptAsync(second, new("other", "b"), default)).Outcome);
    }

    [Fact]
    public async Task LookUpOfAnIdempotencyKey_TellsWhatAcceptingWould_AndKeepsNothing()
    {
        var journal = await NewAsync();
        var (first, second) = (
            Sample.Request(acceptedAt: Time.GetUtcNow()),
            Sample.Request(acceptedAt: Time.GetUtcNow())
        );

        Assert.Null(await journal.FindAcceptedAsync(new("k", "b"), default));
        Assert.Equal(AcceptOutcome.Accepted, (await journal.AcceptAsync(first, new("k", "b"), default)).Outcome);
        await SettleAsync(journal, first);

        var together = await TogetherAsync(async i =>
            i % 2 == 0
                ? await journal.FindAcceptedAsync(new("k", "b"), default)
                : await journal.FindAcceptedAsync(new("k", "other"), default)
        );
        Assert.Equal(Callers / 2, together.Count(found => found == new AcceptResult(AcceptOutcome.Replayed, first.Id)));
        Assert.Equal(Callers / 2, together.Count(found => found == new AcceptResult(AcceptOutcome.Conflict, first.Id)));
        Assert.Null(await journal.FindAcceptedAsync(new("other", "b"), default));
        Assert.Equal(AcceptOutcome.Accepted, (await journal.AcceptAsync(second, new("other", "b"), default)).Outcome);
        Time.Advance(TimeSpan.FromHours(24));
        Assert.Null(await journal.FindAcceptedAsync(new("k", "b"), default));
    }

    [Fact]
    public async Task IdempotencyKey_IsRememberedFor24Hours_AlsoWhenItsRequestSettled()
    {
        var journal = await NewAsync();
        var first = Sample.Request();
        await journal.AcceptAsync(first, new("k", "b"), default);
        await SettleAsync(journal, first);

        Time.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(1));
        Assert.Equal(
            new AcceptResult(AcceptOutcome.Replayed, first.Id),
            await journal.AcceptAsync(Later(), new("k", "b"), default)
        );
        Time.Advance(TimeSpan.FromSeconds(1));
        var second = Later();
        Assert.Equal(
            new AcceptResult(AcceptOutcome.Accepted, second.Id),
            await journal.AcceptAsync(second, new("k", "other"), default)
        );

        ChargingRequest Later() => Sample.Request(acceptedAt: Time.GetUtcNow());
    }

    [Fact]
    public async Task OldKeysForgottenByManyCallers_TakeNoYoungKeyAlong()
    {
        for (var round = 0; round < RaceRounds; round++)
        {
            var journal = await NewAsync();
            await journal.AcceptAsync(Sample.Request(acceptedAt: Time.GetUtcNow()), new("old", "b"), default);
            Time.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(1));
            var young = Sample.Request(acceptedAt: Time.GetUtcNow());
            await journal.AcceptAsync(young, new("young", "b"), default);
            Time.Advance(TimeSpan.FromSeconds(1));

            await TogetherAsync(
                caller =>
                    journal.AcceptAsync(
                        Sample.Request(acceptedAt: Time.GetUtcNow()),
                        new($"other-{caller}", "b"),
                        default
                    ),
                callers: 4
            );

            Assert.Equal(
                new AcceptResult(AcceptOutcome.Replayed, young.Id),
                await journal.AcceptAsync(Sample.Request(acceptedAt: Time.GetUtcNow()), new("young", "b"), default)
            );
        }
    }

    private protected async Task<IJournal> NewAsync(JournalSettings? settings = null)
    {
        var journal = await CreateAsync(settings ?? Defaults);
        _made.Add(journal);
        return journal;
    }

    private async Task<ChargingRequest> AcceptAsync(IJournal journal)
    {
        var request = Sample.Request(acceptedAt: Time.GetUtcNow());
        await journal.AcceptAsync(request, idempotency: null, default);
        return request;
    }

    private ValueTask SettleAsync(IJournal journal, ChargingRequest request) =>
        journal.SettleAsync(
            request.Id,
            new(RequestState.Delivered, Time.GetUtcNow(), Sample.Attempt(CallbackOutcome.Success)),
            default
        );

    /// <summary>Runs <paramref name="call"/> for many callers that start at one moment.</summary>
    private static async Task<T[]> TogetherAsync<T>(Func<int, ValueTask<T>> call, int callers = Callers)
    {
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = Enumerable
            .Range(0, callers)
            .Select(async caller =>
            {
                await start.Task;
                return await call(caller);
            })
            .ToList();
        start.SetResult();
        return await Task.WhenAll(calls);
    }
}
