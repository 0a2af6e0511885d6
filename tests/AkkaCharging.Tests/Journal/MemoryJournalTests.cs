using AkkaCharging.Journal;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class MemoryJournalTests : RequestJournalContract
{
    [Fact]
    public async Task Status_NamesTheKind() => Assert.Equal("memory", (await NewAsync()).Status.Kind);

    [Fact]
    public void States_AreSpelledAsTheContractHasThem() =>
        Assert.Equal(
            ["queued", "decided", "delivered", "failed", "expired"],
            Enum.GetValues<RequestState>().Select(state => state.Name())
        );

    [Fact]
    public async Task LargeDeadLettersOfOneKey_AreBoundedInBytes_AndLeaveThoseOfAnother()
    {
        const int Url = 2_000;
        var journal = await NewAsync(
            Defaults with
            {
                MaxSettledRows = MemoryJournal.LeastBytes / MemoryJournal.BytesPerRow,
            }
        );
        var quiet = await DeadAsync("quiet", "http://127.0.0.1:8080/hook");
        for (var i = 0; i < 8_000; i++)
            await DeadAsync("busy", "http://127.0.0.1:8080/" + new string('x', Url));

        var kept = await journal.CountDeadLettersAsync(new(), default);
        Assert.InRange(kept, 1_000, MemoryJournal.LeastBytes / (Url * sizeof(char)));
        Assert.NotNull(await journal.FindAsync(quiet.Id, default));
        Assert.Equal(8_001 - kept, journal.Status.EarlyDeletions.Failed);

        async Task<ChargingRequest> DeadAsync(string apiKey, string url)
        {
            var request = Sample.Request(url) with { ApiKeyName = apiKey };
            await journal.AcceptAsync(request, idempotency: null, default);
            await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
            return request;
        }
    }

    [Fact]
    public async Task LargeSettledRequests_AreBoundedInBytes_AndOneThatLeavesFreesItsOwn()
    {
        const int Rows = 12_000;
        var journal = await NewAsync(
            Defaults with
            {
                MaxSettledRows = MemoryJournal.LeastBytes / MemoryJournal.BytesPerRow,
            }
        );
        var settled = new List<ChargingRequest>();
        for (var i = 0; i < Rows; i++)
        {
            var request = Sample.Request();
            await journal.AcceptAsync(request, idempotency: null, default);
            for (var attempt = 0; attempt < StoredNames.AttemptsKept; attempt++)
                await journal.RecordAttemptAsync(request.Id, Sample.Attempt(), default);
            await journal.SettleAsync(request.Id, new(RequestState.Delivered, Sample.Now, LastAttempt: null), default);
            settled.Add(request);
        }

        var found = 0;
        foreach (var request in settled)
            found += await journal.FindAsync(request.Id, default) is null ? 0 : 1;
        Assert.InRange(found, Rows / 4, Rows - 1);
        Assert.Equal(Rows - found, journal.Status.EarlyDeletions.Delivered);
    }

    [Fact]
    public async Task DeadLetterPastItsRetention_IsNotDiscarded()
    {
        var journal = await NewAsync(Defaults with { RetentionHours = 24 });
        var request = Sample.Request();
        await journal.AcceptAsync(request, idempotency: null, default);
        await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);

        Time.Advance(TimeSpan.FromHours(24));

        Assert.Equal(DiscardOutcome.NotFound, await journal.DiscardAsync(request.Id, default));
    }

    [Fact]
    public async Task RequestThatSettlesDuringASearch_IsFoundOnce()
    {
        var journal = await NewAsync();
        var requests = Enumerable.Range(0, 5_000).Select(_ => Sample.Request()).ToList();
        foreach (var request in requests)
            await journal.AcceptAsync(request, idempotency: null, default);

        var settling = Task.Run(async () =>
        {
            foreach (var request in requests)
                await journal.SettleAsync(request.Id, new(RequestState.Delivered, Sample.Now, null), default);
        });
        do
        {
            var page = await journal.SearchAsync(new(), before: null, most: 10_000, default);
            Assert.Equal(
                requests.Select(request => request.Id).OrderByDescending(id => id.Value),
                page.Requests.Select(record => record.Id)
            );
        } while (!settling.IsCompleted);
        await settling;
    }

    [Fact]
    public async Task SettledRequestThatLeavesEarly_TakesItsIdempotencyKeyAlong_ButNotThatOfALaterRequest()
    {
        var journal = await NewAsync(Defaults with { MaxSettledRows = 1, RetentionHours = 1_000 });
        var claim = new IdempotencyClaim("key", "body");
        await SettledAsync(journal, claim);
        Time.Advance(IdempotencyClaim.Retention);
        var later = await SettledAsync(journal, claim); // the first request leaves early, and its key is gone already

        Assert.Equal(
            new AcceptResult(AcceptOutcome.Replayed, later.Id),
            await journal.FindAcceptedAsync(claim, default)
        );

        await SettledAsync(journal, claim: null);
        Assert.Null(await journal.FindAcceptedAsync(claim, default));
    }

    private static async Task<ChargingRequest> SettledAsync(IJournal journal, IdempotencyClaim? claim)
    {
        var request = Sample.Request();
        await journal.AcceptAsync(request, claim, default);
        await journal.DecideAsync(request.Id, Sample.Decision(), default);
        await journal.SettleAsync(request.Id, new(RequestState.Delivered, Sample.Now, Sample.Attempt()), default);
        return request;
    }

    private protected override Task<IJournal> CreateAsync(JournalSettings settings) =>
        Task.FromResult<IJournal>(new MemoryJournal(settings, Time));
}
