using System.Diagnostics;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>No caller's traffic pushes out the records of another.</summary>
public abstract partial class RequestJournalContract
{
    private const int SettledKept = 100;

    [Fact]
    public async Task AThousandRequestsOfOneKey_RemoveNeitherTheDeadLetterNorTheStatusPageOfAnother()
    {
        var journal = await NewAsync(Defaults with { MaxSettledRows = SettledKept });
        var dead = await SettledAsync(journal, "quiet", RequestState.Failed);
        var delivered = await SettledAsync(journal, "quiet", RequestState.Delivered);
        var anonymous = await SettledAsync(journal, apiKey: null, RequestState.Expired);
        Time.Advance(TimeSpan.FromSeconds(1));

        var busy = await SettleManyAsync(journal, "busy", 1_000);

        await EventuallyAsync(SettledKept - 3, () => CountFoundAsync(journal, busy));
        Assert.Equal(dead.Id, Assert.Single(await ListAsync(journal)).Id);
        Assert.Equal(RequestState.Failed, (await journal.FindAsync(dead.Id, default))!.State);
        Assert.Equal(RequestState.Delivered, (await journal.FindAsync(delivered.Id, default))!.State);
        Assert.Equal(RequestState.Expired, (await journal.FindAsync(anonymous.Id, default))!.State);
        // counted once they are deleted
        await Eventually.HoldsAsync(
            () => journal.Status.EarlyDeletions == new EarlyCounts(Delivered: 903, Expired: 0, Failed: 0),
            "the early deletions are counted"
        );
    }

    [Fact]
    public async Task IdempotencyKeys_AreBoundedAsSettledRequestsAre_AndThoseOfPendingRequestsAndQuietCallersStay()
    {
        var journal = await NewAsync(Defaults with { MaxSettledRows = SettledKept });
        var quiet = await SettledAsync(journal, "quiet", RequestState.Delivered, new("quiet", "b"));
        var pending = await AcceptAsync(journal, "busy", new("pending", "b"));
        Time.Advance(TimeSpan.FromSeconds(1));

        var busy = await SettleManyAsync(journal, "busy", 1_000, index => new($"busy-{index}", "b"));

        var forgotten = 0;
        await EventuallyAsync(
            SettledKept - 1,
            async () =>
            {
                var kept = 0;
                for (var i = 0; i < busy.Count; i++)
                {
                    if (await journal.FindAcceptedAsync(new($"busy-{i}", "b"), default) is null)
                        forgotten = i;
                    else
                        kept++;
                }

                return kept;
            }
        );
        Assert.Equal(quiet.Id, (await journal.FindAcceptedAsync(new("quiet", "b"), default))!.Value.Id);
        Assert.Equal(pending.Id, (await journal.FindAcceptedAsync(new("pending", "b"), default))!.Value.Id);
        Assert.Equal(
            AcceptOutcome.Accepted,
            (await journal.AcceptAsync(Request("busy"), new($"busy-{forgotten}", "b"), default)).Outcome
        );
    }

    [Fact]
    public async Task DeadLetters_LeaveAfterAllElseOfTheirCaller_OldestFirst()
    {
        var journal = await NewAsync(Defaults with { MaxSettledRows = 5 });
        var dead = new List<ChargingRequest>();
        for (var i = 0; i < 3; i++)
            dead.Add(await SettledAsync(journal, "fleet", RequestState.Failed));
        var discarded = await SettledAsync(journal, "fleet", RequestState.Failed);
        await journal.DiscardAsync(discarded.Id, default);
        var expired = await SettledAsync(journal, "fleet", RequestState.Expired);
        var delivered = new List<ChargingRequest>();
        for (var i = 0; i < 2; i++)
            delivered.Add(await SettledAsync(journal, "fleet", RequestState.Delivered));

        await EventuallyAsync(0, () => CountFoundAsync(journal, [discarded, expired]));
        Assert.Equal(5, await CountFoundAsync(journal, [.. dead, .. delivered]));
        // counted once they are deleted
        await Eventually.HoldsAsync(
            () => journal.Status.EarlyDeletions == new EarlyCounts(Delivered: 0, Expired: 1, Failed: 1),
            "the early deletions are counted"
        );

        for (var i = 0; i < 3; i++)
            dead.Add(await SettledAsync(journal, "fleet", RequestState.Failed));
        await EventuallyAsync(0, () => CountFoundAsync(journal, [.. delivered, dead[0]]));
        Assert.Equal(
            dead.Skip(1).Select(request => request.Id).Reverse(),
            (await ListAsync(journal)).Select(letter => letter.Id)
        );
        // counted once they are deleted
        await Eventually.HoldsAsync(
            () => journal.Status.EarlyDeletions == new EarlyCounts(Delivered: 2, Expired: 1, Failed: 2),
            "the early deletions are counted"
        );
    }

    [Fact]
    public async Task RequestsPastTheirRetention_OfManyCallers_AreNotCountedAsEarly()
    {
        var journal = await NewAsync(Defaults with { RetentionHours = 24, MaxSettledRows = 6 });
        var old = new List<ChargingRequest>();
        for (var caller = 0; caller < 3; caller++)
        {
            old.Add(await SettledAsync(journal, $"key-{caller}", RequestState.Failed));
            old.Add(await SettledAsync(journal, $"key-{caller}", RequestState.Delivered));
        }

        Time.Advance(TimeSpan.FromHours(24));
        Assert.Equal(0, await CountFoundAsync(journal, old));
        Assert.Equal(default, journal.Status.EarlyDeletions);
    }

    [Fact]
    public async Task SettledRequests_OfAnyKindAndCaller_AreForgottenEachInItsTime()
    {
        var journal = await NewAsync(Defaults with { RetentionHours = 24 });
        var settled = new List<ChargingRequest>();
        foreach (
            var (caller, state, isDiscarded) in new[]
            {
                ("fleet", RequestState.Delivered, false),
                ("fleet", RequestState.Failed, false),
                ("roaming", RequestState.Failed, true),
                ("roaming", RequestState.Delivered, false),
                ("depot", RequestState.Expired, false),
                ("fleet", RequestState.Failed, true),
                ("fleet", RequestState.Delivered, false),
                ("roaming", RequestState.Failed, false),
            }
        )
        {
            settled.Add(await SettledAsync(journal, caller, state));
            if (isDiscarded)
                await journal.DiscardAsync(settled[^1].Id, default);
            await PassAsync(journal, TimeSpan.FromHours(1));
        }

        Time.Advance(TimeSpan.FromHours(24 - settled.Count) - TimeSpan.FromMilliseconds(settled.Count - 1));
        for (var forgotten = 1; forgotten <= settled.Count; forgotten++)
        {
            var found = new List<bool>();
            foreach (var request in settled)
                found.Add(await journal.FindAsync(request.Id, default) is not null);
            Assert.Equal(settled.Select((_, index) => index >= forgotten), found);
            Time.Advance(TimeSpan.FromHours(1) + TimeSpan.FromMilliseconds(1));
        }

        Assert.Equal(default, journal.Status.EarlyDeletions);
    }

    /// <summary>
    /// Lets time pass before a write: what the journal does meanwhile, such as deleting, has taken that long by its
    /// clock, and it takes no write until that has ended.
    /// </summary>
    private Task PassAsync(IJournal journal, TimeSpan time)
    {
        Time.Advance(time);
        return Eventually.HoldsAsync(() => journal.Status.IsAvailable, "the journal takes writes");
    }

    private ChargingRequest Request(string? apiKey) =>
        Sample.Request(acceptedAt: Time.GetUtcNow()) with
        {
            ApiKeyName = apiKey,
        };

    private async Task<ChargingRequest> AcceptAsync(IJournal journal, string? apiKey, IdempotencyClaim? claim = null)
    {
        var request = Request(apiKey);
        await journal.AcceptAsync(request, claim, default);
        return request;
    }

    /// <summary>A request that has settled just now, a moment after those before it.</summary>
    private async Task<ChargingRequest> SettledAsync(
        IJournal journal,
        string? apiKey,
        RequestState state,
        IdempotencyClaim? claim = null
    )
    {
        Time.Advance(TimeSpan.FromMilliseconds(1));
        var request = await AcceptAsync(journal, apiKey, claim);
        await journal.SettleAsync(request.Id, new(state, Time.GetUtcNow(), LastAttempt: null), default);
        return request;
    }

    private async Task<List<ChargingRequest>> SettleManyAsync(
        IJournal journal,
        string apiKey,
        int requests,
        Func<int, IdempotencyClaim>? claim = null
    )
    {
        var settled = await Task.WhenAll(
            Enumerable
                .Range(0, requests)
                .Select(async index =>
                {
                    var request = await AcceptAsync(journal, apiKey, claim?.Invoke(index));
                    await SettleAsync(journal, request);
                    return request;
                })
        );
        return [.. settled];
    }

    private static async Task<int> CountFoundAsync(IJournal journal, List<ChargingRequest> requests)
    {
        var found = 0;
        foreach (var request in requests)
            found += await journal.FindAsync(request.Id, default) is null ? 0 : 1;
        return found;
    }

    /// <summary>Counts again for a while: a database deletes in the background, not before it answers.</summary>
    private async Task EventuallyAsync(int expected, Func<Task<int>> count)
    {
        var (started, advanced) = (Stopwatch.GetTimestamp(), 0);
        int found;
        while ((found = await count()) != expected && Stopwatch.GetElapsedTime(started) < Eventually.Patience)
        {
            if (advanced++ < 60)
                Time.Advance(TimeSpan.FromMinutes(1)); // what a burst left over is deleted within a minute
        }

        Assert.Equal(expected, found);
    }
}
