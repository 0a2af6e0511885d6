using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Authorization;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>What every kind of journal promises to operators who look for a request.</summary>
public abstract partial class RequestJournalContract
{
    private const string OtherStation = "00000000-0000-4000-8000-00000000ABCD";
    private const string OtherToken = "other-token-0123456789";
    private const string Elsewhere = "http://127.0.0.1:8081/hook?key=canary";

    [Fact]
    public async Task Search_FindsWhatMatchesAllThatIsGiven_NewestFirst_WithoutSecrets()
    {
        var journal = await NewAsync();
        var requests = new List<ChargingRequest>();
        for (var i = 0; i < 6; i++)
        {
            var request = Sample.Request(
                url: i == 4 ? Elsewhere : Here,
                acceptedAt: Time.GetUtcNow(),
                token: i < 3 ? Queries.Token : OtherToken
            ) with
            {
                Station = StationId.TryCreate(i % 2 == 0 ? Queries.Station : OtherStation)!,
            };
            requests.Add(request);
            await journal.AcceptAsync(request, idempotency: null, default);
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        await journal.DecideAsync(requests[1].Id, Sample.Decision(), default);
        await journal.RecordAttemptAsync(requests[1].Id, Failure(AttemptCause.Tls), default);
        await journal.RecordAttemptAsync(requests[2].Id, Failure(AttemptCause.Tls), default);
        await journal.SettleAsync(
            requests[2].Id,
            new(RequestState.Failed, Time.GetUtcNow(), Failure(AttemptCause.NameTimeout)),
            default
        );
        await journal.SettleAsync(
            requests[3].Id,
            new(RequestState.Delivered, Time.GetUtcNow(), Sample.Attempt(CallbackOutcome.Success)),
            default
        );

        await AssertFoundAsync(new(), 5, 4, 3, 2, 1, 0);
        await AssertFoundAsync(new(StationId.TryCreate(OtherStation.ToLowerInvariant())), 5, 3, 1);
        await AssertFoundAsync(new(TokenFingerprint: journal.Hasher.Fingerprint(requests[0].Token)), 2, 1, 0);
        await AssertFoundAsync(new(From: requests[2].AcceptedAt, To: requests[4].AcceptedAt), 3, 2);
        await AssertFoundAsync(new(Destination: requests[4].Callback.Destination), 4);
        await AssertFoundAsync(new(State: RequestState.Queued), 5, 4, 0);
        await AssertFoundAsync(new(State: RequestState.Decided), 1);
        await AssertFoundAsync(new(State: RequestState.Failed), 2);
        await AssertFoundAsync(new(State: RequestState.Delivered), 3);
        await AssertFoundAsync(new(Cause: AttemptCause.Tls), 1); // of the last attempt
        await AssertFoundAsync(new(Cause: AttemptCause.NameTimeout), 2);
        await AssertFoundAsync(new(requests[1].Station, State: RequestState.Queued), 5);

        var found = Assert.Single(
            (await journal.SearchAsync(new(State: RequestState.Failed), null, 10, default)).Requests
        );
        Assert.Equal(
            ("http://127.0.0.1:8080", "cana***", 2),
            (found.Destination, found.DriverTokenMasked, found.Attempts.Count)
        );
        Assert.Equal(journal.Hasher.Fingerprint(requests[2].Token), found.TokenFingerprint);
        Assert.DoesNotContain("canary", found.ToString(), StringComparison.Ordinal);

        async Task AssertFoundAsync(RequestQuery query, params int[] expected)
        {
            var page = await journal.SearchAsync(query, before: null, most: 100, default);
            Assert.Equal(expected.Select(i => requests[i].Id), page.Requests.Select(found => found.Id));
            Assert.Null(page.Next);
        }
    }

    [Fact]
    public async Task Search_GoesOnWhereItEnded()
    {
        const int Requests = 7;
        var journal = await NewAsync();
        for (var i = 0; i < Requests; i++)
            await journal.AcceptAsync(Sample.Request(), idempotency: null, default); // in the same millisecond

        var found = new List<RequestId>();
        var pages = 0;
        RequestId? before = null;
        do
        {
            var page = await journal.SearchAsync(new(), before, most: 3, default);
            found.AddRange(page.Requests.Select(request => request.Id));
            before = page.Next;
            pages++;
        } while (before is not null);

        Assert.Equal((Requests, 3), (found.Count, pages));
        Assert.Equal(found.OrderByDescending(id => id.ToString(), StringComparer.Ordinal).Distinct(), found);
    }

    [Fact]
    public async Task Search_DoesNotFindWhatIsPastRetention()
    {
        var journal = await NewAsync();
        var request = await DecidedAsync(journal);
        await journal.SettleAsync(
            request.Id,
            new(RequestState.Delivered, Time.GetUtcNow(), Sample.Attempt(CallbackOutcome.Success)),
            default
        );
        Assert.Single((await journal.SearchAsync(new(), null, 10, default)).Requests);

        Time.Advance(Defaults.Retention + TimeSpan.FromSeconds(1));

        Assert.Empty((await journal.SearchAsync(new(), null, 10, default)).Requests);
    }

    private static CallbackAttempt Failure(AttemptCause cause) =>
        Sample.Attempt(CallbackOutcome.NetworkError) with
        {
            Cause = cause,
        };
}
