using System.Diagnostics;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>What every kind of journal promises about requests that failed.</summary>
public abstract partial class RequestJournalContract
{
    private const string Here = "http://127.0.0.1:8080/hook?key=canary";
    private static readonly TimeSpan Age = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task FailedRequest_IsADeadLetter_WithReasonAndAttempts_WithoutItsSecrets()
    {
        var journal = await NewAsync();
        var request = await DecidedAsync(journal);
        await journal.RecordAttemptAsync(
            request.Id,
            Sample.Attempt(CallbackOutcome.Timeout, at: Sample.Now.AddSeconds(1)),
            default
        );
        var last = new CallbackAttempt(
            Sample.Now.AddSeconds(2),
            TimeSpan.FromMilliseconds(7),
            HttpStatus: 410,
            CallbackOutcome.HttpError
        );
        await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now.AddSeconds(3), last), default);

        var letter = Assert.Single(await ListAsync(journal));

        Assert.Equal(
            new DeadLetter(
                request.Id,
                request.Station.Text,
                "cana***",
                "http://127.0.0.1:8080",
                last,
                Attempts: 2,
                AuthorizationStatus.Allowed,
                request.AcceptedAt,
                Sample.Now.AddSeconds(3),
                request.ExpiresAt
            ),
            letter
        );
        Assert.DoesNotContain("canary", letter.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, await journal.CountDeadLettersAsync(new(), default));
    }

    [Fact]
    public async Task RedrivenRequest_KeepsTheTraceOfItsSubmission()
    {
        var journal = await NewAsync();
        var traced = Sample.Request() with
        {
            Trace = new ActivityContext(
                ActivityTraceId.CreateRandom(),
                ActivitySpanId.CreateRandom(),
                ActivityTraceFlags.Recorded
            ),
        };
        var untraced = Sample.Request();
        foreach (var request in new[] { traced, untraced })
        {
            await journal.AcceptAsync(request, idempotency: null, default);
            await journal.SettleAsync(
                request.Id,
                new(RequestState.Failed, Time.GetUtcNow(), LastAttempt: null),
                default
            );

            var redriven = await journal.RedriveAsync(request.Id, Time.GetUtcNow(), default);

            Assert.Equal(request.Trace, redriven.Request!.Request.Trace);
        }
    }

    [Fact]
    public async Task RequestsThatDidNotFail_AreNoDeadLetters()
    {
        var journal = await NewAsync();
        var others = new List<RequestId> { (await AcceptAsync(journal)).Id, (await DecidedAsync(journal)).Id };
        foreach (var state in new[] { RequestState.Delivered, RequestState.Expired })
        {
            others.Add((await DecidedAsync(journal)).Id);
            await journal.SettleAsync(others[^1], new(state, Time.GetUtcNow(), LastAttempt: null), default);
        }

        foreach (var id in others)
        {
            var before = await journal.FindAsync(id, default);
            Assert.Equal(
                RedriveOutcome.NotDeadLetter,
                (await journal.RedriveAsync(id, Time.GetUtcNow(), default)).Outcome
            );
            Assert.Equal(DiscardOutcome.NotDeadLetter, await journal.DiscardAsync(id, default));
            Assert.Equal(before!.State, (await journal.FindAsync(id, default))!.State);
        }

        Assert.Empty(await ListAsync(journal));
        Assert.Equal(
            RedriveOutcome.NotFound,
            (await journal.RedriveAsync(RequestId.New(Sample.Now), Time.GetUtcNow(), default)).Outcome
        );
        Assert.Equal(DiscardOutcome.NotFound, await journal.DiscardAsync(RequestId.New(Sample.Now), default));
    }

    [Fact]
    public async Task DeadLetters_AreListedNewestFirst_InPages_EachOnce_AlsoThoseOfOneMoment()
    {
        var journal = await NewAsync();
        var ids = new List<RequestId>();
        for (var i = 0; i < 10; i++)
        {
            ids.Add((await DeadAsync(journal)).Id);
            if (i % 3 == 0)
                Time.Advance(TimeSpan.FromSeconds(1));
        }

        var listed = new List<DeadLetter>();
        var sizes = new List<int>();
        DeadLetterCursor? after = null;
        do
        {
            var page = await journal.ListDeadLettersAsync(new(), after, most: 3, default);
            Assert.Equal(
                page.Next,
                page.Next is { } next && DeadLetterCursor.TryParse(next.ToString(), out var read) ? read : null
            );
            after = page.Next;
            sizes.Add(page.Letters.Count);
            listed.AddRange(page.Letters);
        } while (after is not null);

        Assert.Equal([3, 3, 3, 1], sizes);
        Assert.Equal(ids.ToHashSet(), listed.Select(letter => letter.Id).ToHashSet());
        Assert.Equal(
            listed.OrderByDescending(letter => letter.SettledAt).ThenByDescending(letter => letter.Id.Value),
            listed
        );
    }

    [Fact]
    public async Task PageOfDeadLetters_BeginsAtItsCursor_OrAtTheEndOfTheQueryIfThatIsEarlier()
    {
        var journal = await NewAsync();
        await DeadAsync(journal);
        Time.Advance(TimeSpan.FromSeconds(1));
        await DeadAsync(journal);
        await DeadAsync(journal);
        Time.Advance(TimeSpan.FromSeconds(1));
        await DeadAsync(journal);
        var letters = await ListAsync(journal);
        var (newest, middle, oldest) = (letters[0].SettledAt, letters[1].SettledAt, letters[3].Id);

        Assert.Equal([oldest], await PageAsync(to: newest, after: letters[2]));
        Assert.Equal([oldest], await PageAsync(to: middle, after: letters[0]));
        Assert.Equal([oldest], await PageAsync(to: middle, after: letters[1])); // both in the middle are of one moment

        async Task<IEnumerable<RequestId>> PageAsync(DateTimeOffset to, DeadLetter after)
        {
            var page = await journal.ListDeadLettersAsync(
                new(To: to),
                new DeadLetterCursor(after.SettledAt, after.Id),
                DeadLetterPage.LettersMax,
                default
            );
            return page.Letters.Select(letter => letter.Id);
        }
    }

    [Fact]
    public async Task DeadLetters_AreListedAndCounted_ByDestinationAndTime()
    {
        var journal = await NewAsync();
        var settledAt = new Dictionary<string, DateTimeOffset>();
        foreach (
            var url in new[]
            {
                Here,
                "http://127.0.0.1:8081/hook",
                "https://127.0.0.1:8080/hook",
                "http://receiver.example.com:8080/hook",
                "http://127.0.0.1:8080/other",
            }
        )
        {
            settledAt[url] = Time.GetUtcNow();
            await DeadAsync(journal, url);
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        await AssertMatchesAsync(new(), 5);
        await AssertMatchesAsync(new(new DestinationKey("http", "127.0.0.1", 8080)), 2);
        await AssertMatchesAsync(new(new DestinationKey("https", "127.0.0.1", 8080)), 1);
        await AssertMatchesAsync(new(new DestinationKey("https", "127.0.0.1", 8081)), 0);
        await AssertMatchesAsync(new(From: settledAt["http://127.0.0.1:8081/hook"]), 4);
        await AssertMatchesAsync(new(To: settledAt["http://127.0.0.1:8081/hook"]), 1);
        await AssertMatchesAsync(
            new(From: settledAt["http://127.0.0.1:8081/hook"], To: settledAt["http://receiver.example.com:8080/hook"]),
            2
        );
        await AssertMatchesAsync(
            new(new DestinationKey("http", "127.0.0.1", 8080), From: settledAt["http://127.0.0.1:8081/hook"]),
            1
        );
        await AssertMatchesAsync(new(From: Sample.Now.AddDays(1), To: Sample.Now), 0);

        // The others failed when they were accepted, and without a cause.
        await PassAsync(journal, TimeSpan.FromHours(1));
        var old = await DecidedAsync(journal);
        await PassAsync(journal, TimeSpan.FromHours(1));
        await journal.RecordAttemptAsync(old.Id, Attempt(AttemptCause.Tls), default);
        await journal.SettleAsync(
            old.Id,
            new(RequestState.Failed, Time.GetUtcNow(), Attempt(AttemptCause.ConnectionReset)),
            default
        );
        await AssertMatchesAsync(new(Cause: AttemptCause.ConnectionReset), 1);
        await AssertMatchesAsync(new(Cause: AttemptCause.Tls), 0);
        await AssertMatchesAsync(new(AcceptedFrom: old.AcceptedAt), 1);
        await AssertMatchesAsync(new(AcceptedTo: old.AcceptedAt), 5);
        await AssertMatchesAsync(
            new(
                AcceptedFrom: settledAt["http://127.0.0.1:8081/hook"],
                AcceptedTo: settledAt["http://receiver.example.com:8080/hook"]
            ),
            2
        );
        await AssertMatchesAsync(
            new(
                new DestinationKey("http", "127.0.0.1", 8080),
                From: Time.GetUtcNow(),
                AcceptedTo: old.AcceptedAt.AddTicks(1),
                Cause: AttemptCause.ConnectionReset
            ),
            1
        );
        await AssertMatchesAsync(new(AcceptedTo: old.AcceptedAt, Cause: AttemptCause.ConnectionReset), 0);

        CallbackAttempt Attempt(AttemptCause cause) => Sample.Attempt(at: Time.GetUtcNow()) with { Cause = cause };

        async Task AssertMatchesAsync(DeadLetterQuery query, int expected)
        {
            Assert.Equal(expected, (await ListAsync(journal, query)).Count);
            Assert.Equal(expected, await journal.CountDeadLettersAsync(query, default));
        }
    }

    [Fact]
    public async Task DeadLetterPastItsRetention_IsGone()
    {
        var journal = await NewAsync(Defaults with { RetentionHours = 24 });
        var request = await DeadAsync(journal);

        Time.Advance(TimeSpan.FromHours(24));

        Assert.Empty(await ListAsync(journal));
        Assert.Equal(0, await journal.CountDeadLettersAsync(new(), default));
        Assert.Equal(
            RedriveOutcome.NotFound,
            (await journal.RedriveAsync(request.Id, Time.GetUtcNow(), default)).Outcome
        );
    }

    [Fact]
    public async Task DeadLetterPastItsRetention_IsNotRedriven()
    {
        var journal = await NewAsync(Defaults with { RetentionHours = 24 });
        var request = await DeadAsync(journal);

        Time.Advance(TimeSpan.FromHours(24));

        Assert.Equal(
            RedriveOutcome.NotFound,
            (await journal.RedriveAsync(request.Id, Time.GetUtcNow(), default)).Outcome
        );
    }

    [Fact]
    public async Task DeadLetterRedrivenByManyCallers_IsTakenUpByOne_DecidedAsBefore_WithANewAgeAndNoAttempts()
    {
        var journal = await NewAsync();
        var request = await DeadAsync(journal);
        var at = Sample.Now.AddHours(1);

        var results = await TogetherAsync(_ => journal.RedriveAsync(request.Id, at, default));

        var redriven = Assert.Single(results, result => result.Outcome == RedriveOutcome.Redriven).Request!;
        Assert.Equal(
            Callers - 1,
            results.Count(result => result is { Outcome: RedriveOutcome.NotDeadLetter, Request: null })
        );
        Assert.Equal((Sample.Decision(), 0, true), (redriven.Decision, redriven.AttemptsMade, redriven.IsRedriven));
        Assert.Equal(
            (request.Id, request.Station, request.Token, request.Callback.Text, request.AcceptedAt, at + Age),
            (
                redriven.Request.Id,
                redriven.Request.Station,
                redriven.Request.Token,
                redriven.Request.Callback.Text,
                redriven.Request.AcceptedAt,
                redriven.Request.ExpiresAt
            )
        );
        Assert.Empty(await ListAsync(journal));
        var found = await journal.FindAsync(request.Id, default);
        Assert.Equal((RequestState.Decided, Sample.Decision(), null), (found!.State, found.Decision, found.SettledAt));
        Assert.Equal((at + Age, 0), (found.ExpiresAt, found.AttemptsMade));
        Assert.Single(found.Attempts);
    }

    [Fact]
    public async Task RedrivenRequest_MayBeDelivered()
    {
        var journal = await NewAsync();
        var request = await DeadAsync(journal);
        await journal.RedriveAsync(request.Id, Time.GetUtcNow(), default);

        await journal.SettleAsync(
            request.Id,
            new(RequestState.Delivered, Time.GetUtcNow(), Sample.Attempt(CallbackOutcome.Success)),
            default
        );

        Assert.Equal(RequestState.Delivered, (await journal.FindAsync(request.Id, default))!.State);
        Assert.Equal(
            RedriveOutcome.NotDeadLetter,
            (await journal.RedriveAsync(request.Id, Time.GetUtcNow(), default)).Outcome
        );
        Assert.Empty(await ListAsync(journal));
    }

    [Fact]
    public async Task RequestRedrivenAgainAndAgain_HasTheSameAgeEachTime_AndKeepsItsNewestAttempts()
    {
        var journal = await NewAsync();
        var request = await DeadAsync(journal);
        for (var round = 1; round <= 3; round++)
        {
            await PassAsync(journal, TimeSpan.FromHours(1));
            var redriven = await journal.RedriveAsync(request.Id, Time.GetUtcNow(), default);
            Assert.Equal(Time.GetUtcNow() + Age, redriven.Request!.Request.ExpiresAt);
            for (var i = 0; i < 40; i++)
                await journal.RecordAttemptAsync(
                    request.Id,
                    Sample.Attempt(at: Time.GetUtcNow().AddSeconds(i)),
                    default
                );
            await journal.SettleAsync(
                request.Id,
                new(RequestState.Failed, Time.GetUtcNow(), LastAttempt: null),
                default
            );
            Assert.Equal(
                (1 + (40 * round), Time.GetUtcNow()),
                (Assert.Single(await ListAsync(journal)).Attempts, (await ListAsync(journal))[0].SettledAt)
            );
        }

        await journal.RedriveAsync(request.Id, Time.GetUtcNow(), default);

        var attempts = (await journal.FindAsync(request.Id, default))!.Attempts;
        Assert.Equal((100, Time.GetUtcNow().AddSeconds(39)), (attempts.Count, attempts[^1].At));
    }

    [Fact]
    public async Task DiscardedLetter_StaysFailed_AndIsNoDeadLetterAnyMore()
    {
        var journal = await NewAsync();
        var request = await DeadAsync(journal);
        var before = await journal.FindAsync(request.Id, default);

        Assert.Equal(DiscardOutcome.Discarded, await journal.DiscardAsync(request.Id, default));

        Assert.Empty(await ListAsync(journal));
        var found = await journal.FindAsync(request.Id, default);
        Assert.Equal(
            (RequestState.Failed, before!.SettledAt, before.DriverTokenMasked),
            (found!.State, found.SettledAt, found.DriverTokenMasked)
        );
        Assert.Equal(DiscardOutcome.NotDeadLetter, await journal.DiscardAsync(request.Id, default));
        Assert.Equal(
            RedriveOutcome.NotDeadLetter,
            (await journal.RedriveAsync(request.Id, Time.GetUtcNow(), default)).Outcome
        );
    }

    [Fact]
    public async Task DeadLetterThatIsDiscardedAndRedrivenAtOnce_IsEither()
    {
        for (var round = 0; round < RaceRounds; round++)
        {
            var journal = await NewAsync();
            var request = await DeadAsync(journal);

            var won = await TogetherAsync(
                async caller =>
                    caller % 2 == 0
                        ? await journal.DiscardAsync(request.Id, default) == DiscardOutcome.Discarded
                        : (await journal.RedriveAsync(request.Id, Time.GetUtcNow(), default)).Outcome
                            == RedriveOutcome.Redriven,
                callers: 8
            );

            var winner = Assert.Single(won.Index(), caller => caller.Item).Index;
            Assert.Equal(
                winner % 2 == 0 ? RequestState.Failed : RequestState.Decided,
                (await journal.FindAsync(request.Id, default))!.State
            );
        }
    }

    [Fact]
    public async Task RedrivenRequest_IsPending_WhateverRetentionForgets()
    {
        var journal = await NewAsync(Defaults with { RetentionHours = 24, MaxSettledRows = 2 });
        var redriven = await DeadAsync(journal);
        await journal.RedriveAsync(redriven.Id, Time.GetUtcNow(), default);
        var settled = new List<RequestId>();
        for (var i = 0; i < 2; i++)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            settled.Add((await DeadAsync(journal)).Id);
        }

        // It does not count among the settled ones, which are just as many as are kept.
        Assert.Equal(Enumerable.Reverse(settled), (await ListAsync(journal)).Select(letter => letter.Id));
        await PassAsync(journal, TimeSpan.FromHours(25));
        await SettleAsync(journal, await AcceptAsync(journal));

        Assert.Equal(RequestState.Decided, (await journal.FindAsync(redriven.Id, default))!.State);
        Assert.Null(await journal.FindAsync(settled[0], default));
    }

    private static async Task<List<DeadLetter>> ListAsync(IJournal journal, DeadLetterQuery? query = null) =>
        [
            .. (
                await journal.ListDeadLettersAsync(query ?? new(), after: null, DeadLetterPage.LettersMax, default)
            ).Letters,
        ];

    private async Task<ChargingRequest> DecidedAsync(IJournal journal, string url = Here)
    {
        var request = Sample.Request(url, Time.GetUtcNow(), Age);
        await journal.AcceptAsync(request, idempotency: null, default);
        await journal.DecideAsync(request.Id, Sample.Decision(), default);
        return request;
    }

    /// <summary>A request that was decided and failed after one attempt, just now.</summary>
    private async Task<ChargingRequest> DeadAsync(IJournal journal, string url = Here)
    {
        var request = await DecidedAsync(journal, url);
        await journal.SettleAsync(
            request.Id,
            new(RequestState.Failed, Time.GetUtcNow(), Sample.Attempt(at: Time.GetUtcNow())),
            default
        );
        return request;
    }
}
