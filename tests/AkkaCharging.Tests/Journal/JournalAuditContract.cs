using System.Text.RegularExpressions;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Authorization;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>What an audit promises of every kind of journal, with its owner running and ended.</summary>
public abstract class JournalAuditContract
{
    private const string OtherStation = "00000000-0000-4000-8000-00000000ABCD";
    private const string OtherToken = "other-token-0123456789";

    /// <summary>The journal's owner, running.</summary>
    private protected abstract Task<IJournal> OpenAsync();

    /// <summary>Sets columns of a request.</summary>
    private protected abstract Task DamageAsync(string columns, RequestId id);

    /// <summary>Reads the same journal.</summary>
    private protected abstract Task<IJournalAudit> AuditAsync();

    [Fact]
    public async Task Record_TellsWhatIsKnown_AndNoSecret()
    {
        await using var journal = await OpenAsync();
        var request = Sample.Request() with { ApiKeyName = "fleet" };
        await journal.AcceptAsync(request, idempotency: null, default);
        await using var audit = await AuditAsync();
        var record = Assert.Single(await ReadAsync(audit, new()));
        Assert.Equal((RequestState.Queued, null, null), (record.State, record.Decision, record.SettledAt));

        await journal.DecideAsync(request.Id, Sample.Decision(), default);
        await journal.SettleAsync(
            request.Id,
            new(RequestState.Delivered, Sample.Now.AddSeconds(1), Sample.Attempt()),
            default
        );

        record = Assert.Single(await ReadAsync(audit, new()));
        Assert.Equal(
            (
                request.Id,
                request.Station.Text,
                "cana***",
                "fleet",
                RequestState.Delivered,
                Sample.Decision(),
                request.AcceptedAt,
                Sample.Now.AddSeconds(1)
            ),
            (
                record.Id,
                record.StationId,
                record.DriverTokenMasked,
                record.ApiKeyName,
                record.State,
                record.Decision,
                record.AcceptedAt,
                record.SettledAt!.Value
            )
        );
        Assert.Equal(journal.Hasher.Fingerprint(request.Token), record.TokenFingerprint);
        Assert.Equal(record.TokenFingerprint, await audit.FingerprintAsync(request.Token));
    }

    [Fact]
    public async Task Filters_HoldTogether_NewestFirst_RunningAndEnded()
    {
        var requests = Enumerable
            .Range(0, 6)
            .Select(i => At(Sample.Now.AddTicks(i * TimeSpan.TicksPerSecond + 1), i))
            .ToList();
        var journal = await OpenAsync();
        await using (journal)
        {
            foreach (var request in requests)
                await journal.AcceptAsync(request, idempotency: null, default);
            await using var beside = await AuditAsync();
            await AssertFiltersAsync(beside);
        }

        await using var after = await AuditAsync();
        await AssertFiltersAsync(after);

        async Task AssertFiltersAsync(IJournalAudit audit)
        {
            await AssertFoundAsync(new(), 5, 4, 3, 2, 1, 0);
            await AssertFoundAsync(new(StationId.TryCreate(OtherStation.ToLowerInvariant())), 5, 3, 1);
            await AssertFoundAsync(new(StationId.TryCreate("123e4567-e89b-42d3-a456-426614174999")));
            await AssertFoundAsync(
                new(TokenFingerprint: journal.Hasher.Fingerprint(DriverToken.TryCreate(OtherToken)!)),
                5,
                4,
                3
            );
            await AssertFoundAsync(new(From: requests[2].AcceptedAt, To: requests[4].AcceptedAt), 3, 2);
            await AssertFoundAsync(
                new(From: requests[2].AcceptedAt.AddTicks(1), To: requests[4].AcceptedAt.AddTicks(1)),
                4,
                3
            );
            await AssertFoundAsync(new(From: DateTimeOffset.MinValue, To: DateTimeOffset.MaxValue), 5, 4, 3, 2, 1, 0);
            await AssertFoundAsync(
                new(
                    requests[1].Station,
                    journal.Hasher.Fingerprint(DriverToken.TryCreate(OtherToken)!),
                    requests[4].AcceptedAt.ToOffset(TimeSpan.FromHours(2))
                ),
                5
            );
            Assert.Equal(
                [requests[5].Id, requests[4].Id],
                (await ReadAsync(audit, new(), limit: 2)).Select(record => record.Id)
            );

            async Task AssertFoundAsync(RequestQuery query, params int[] expected) =>
                Assert.Equal(
                    expected.Select(i => requests[i].Id),
                    (await ReadAsync(audit, query)).Select(record => record.Id)
                );
        }
    }

    [Fact]
    public async Task MoreThanAPage_IsReadWhole_InOrder()
    {
        const int Requests = 2_100;
        await using var journal = await OpenAsync();
        // three a millisecond
        var requests = Enumerable.Range(0, Requests).Select(i => At(Sample.Now.AddMilliseconds(i / 3), i)).ToList();
        await Task.WhenAll(
            requests.Select(request => journal.AcceptAsync(request, idempotency: null, default).AsTask())
        );
        await using var audit = await AuditAsync();

        var found = await ReadAsync(audit, new());

        Assert.Equal(
            requests.Select(request => request.Id.ToString()).OrderDescending(StringComparer.Ordinal),
            found.Select(record => record.Id.ToString())
        );
        Assert.Equal(1_500, (await ReadAsync(audit, new(), limit: 1_500)).Count);
    }

    [Theory]
    [InlineData("attempts = 'x'")]
    [InlineData("attempts = '1,2,,no_outcome;'")]
    [InlineData("state = 'x'")]
    [InlineData("status = 'x'")]
    [InlineData("decided_at = NULL")]
    [InlineData("reason = NULL, exact_reason = NULL")]
    public async Task DamagedRow_IsNamed_AndHidesNoOther(string damage)
    {
        await using var journal = await OpenAsync();
        var ids = new List<RequestId>();
        for (var i = 0; i < 3; i++)
        {
            var at = TimeProvider.System.GetUtcNow();
            var request = Sample.Request(acceptedAt: at);
            await journal.AcceptAsync(request, idempotency: null, default);
            await journal.DecideAsync(request.Id, Sample.Decision(at), default);
            await journal.SettleAsync(request.Id, new(RequestState.Failed, at, Sample.Attempt(at: at)), default);
            ids.Insert(0, request.Id);
        }

        await DamageAsync(damage, ids[1]);
        await using var audit = await AuditAsync();

        RequestId[] whole = [ids[0], ids[2]];
        var damaged = new List<DamagedRow>();
        Assert.Equal(
            whole,
            await audit.ReadAsync(new(), long.MaxValue, damaged.Add).Select(record => record.Id).ToListAsync()
        );
        var searched = new List<RequestId>();
        for (RequestId? before = null; ; )
        {
            var page = await journal.SearchAsync(new(), before, most: 1, default);
            searched.AddRange(page.Requests.Select(record => record.Id));
            damaged.AddRange(page.Damaged);
            if ((before = page.Next) is null)
                break;
        }

        Assert.Equal(whole, searched);
        Assert.Equal([ids[1], ids[1]], damaged.Select(row => row.Id));
        Assert.All(damaged, row => Assert.StartsWith("A column contains", row.Damage, StringComparison.Ordinal));
        if (Regex.IsMatch(damage, "^(state|decided_at|reason)"))
            return; // dead letters are known by other columns

        var letters = new List<RequestId>();
        for (DeadLetterCursor? after = null; ; )
        {
            var page = await journal.ListDeadLettersAsync(new(), after, most: 1, default);
            letters.AddRange(page.Letters.Select(letter => letter.Id));
            damaged.AddRange(page.Damaged);
            if ((after = page.Next) is null)
                break;
        }

        Assert.Equal(whole, letters);
        Assert.Equal(ids[1], damaged[^1].Id);
        Assert.Equal(3, damaged.Count);
    }

    [Theory]
    [InlineData("attempts = 'x'")]
    [InlineData("state = 'x'")]
    [InlineData("status = 'x'")]
    [InlineData("decided_at = NULL")]
    [InlineData("reason = NULL, exact_reason = NULL")]
    public async Task LookUpOfADamagedRow_SaysSo_AndItsIdempotencyKeyIsStillKnown(string damage)
    {
        await using var journal = await OpenAsync();
        var at = TimeProvider.System.GetUtcNow();
        var request = Sample.Request(acceptedAt: at) with { ApiKeyName = "fleet" };
        var claim = journal.Hasher.Claim("fleet", "key", "body");
        await journal.AcceptAsync(request, claim, default);
        await journal.DecideAsync(request.Id, Sample.Decision(at), default);
        await journal.SettleAsync(request.Id, new(RequestState.Expired, at, Sample.Attempt(at: at)), default);
        await DamageAsync(damage, request.Id);
        await using var audit = await AuditAsync();

        foreach (
            var find in (Func<Task<RequestRecord?>>[])
                [() => journal.FindAsync(request.Id, default).AsTask(), () => audit.FindAsync(request.Id)]
        )
        {
            var damaged = await Assert.ThrowsAsync<DamagedRequestException>(find);
            Assert.Equal((request.Id, "fleet"), (damaged.Row.Id, damaged.ApiKeyName));
            Assert.StartsWith("A column contains", damaged.Row.Damage, StringComparison.Ordinal);
        }

        Assert.Equal(RedriveOutcome.NotDeadLetter, (await journal.RedriveAsync(request.Id, at, default)).Outcome);
        Assert.Equal(DiscardOutcome.NotDeadLetter, await journal.DiscardAsync(request.Id, default));
        Assert.Equal(
            new AcceptResult(AcceptOutcome.Replayed, request.Id),
            await journal.AcceptAsync(Sample.Request(acceptedAt: at), claim, default)
        );
        Assert.Equal(
            new AcceptResult(AcceptOutcome.Replayed, request.Id),
            await journal.FindAcceptedAsync(claim, default)
        );
    }

    [Fact]
    public async Task DecisionThatCannotBeRead_IsMadeAgain()
    {
        await using var journal = await OpenAsync();
        var request = Sample.Request();
        await journal.AcceptAsync(request, idempotency: null, default);
        await journal.DecideAsync(request.Id, Sample.Decision(), default);
        await DamageAsync("status = 'x'", request.Id);

        var again = Sample.Decision(Sample.Now.AddSeconds(1), AuthorizationStatus.NotAllowed);
        Assert.Equal(again, await journal.DecideAsync(request.Id, again, default));
    }

    private protected static async Task<List<RequestRecord>> ReadAsync(
        IJournalAudit audit,
        RequestQuery query,
        long limit = long.MaxValue
    ) => await audit.ReadAsync(query, limit, row => Assert.Fail($"{row}")).ToListAsync();

    private static ChargingRequest At(DateTimeOffset time, int i) =>
        Sample.Request(acceptedAt: time, token: i < 3 ? Queries.Token : OtherToken) with
        {
            Station = StationId.TryCreate(i % 2 == 0 ? Queries.Station : OtherStation)!,
        };
}
