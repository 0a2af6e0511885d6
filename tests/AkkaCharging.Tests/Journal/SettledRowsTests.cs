using AkkaCharging.Journal;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class SettledRowsTests
{
    private readonly SettledRows _rows = new();
    private long _since;

    public static TheoryData<string> Kinds => ["least", "all", "details without texts", "expired undecided"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Row_IsReadAsItWasWritten(string kind)
    {
        var record = Record(kind);

        _rows.Add(record, settledSince: 42, claimHash: null);

        var read = _rows.Find(record.Id);
        Assert.NotNull(read);
        Assert.Equal(record.Attempts, read.Attempts);
        Assert.Equal(record.TokenFingerprint, read.TokenFingerprint);
        Assert.Equal(record with { Attempts = read.Attempts, TokenFingerprint = read.TokenFingerprint }, read);
        Assert.Equal(42, _rows.OldestSince(record.ApiKeyName ?? ""));
    }

    [Fact]
    public void EveryStateReasonOutcomeAndCause_IsReadAsItWasWritten()
    {
        var attempts =
            from outcome in Enum.GetValues<CallbackOutcome>()
            from cause in Enum.GetValues<AttemptCause>().Cast<AttemptCause?>().Append(null)
            select new CallbackAttempt(Sample.Now, TimeSpan.FromTicks(1), 599, outcome, cause);
        var record = Record("least") with { Attempts = [.. attempts] };
        _rows.Add(record, Next(), claimHash: null);
        Assert.Equal(record.Attempts, _rows.Find(record.Id)!.Attempts);

        foreach (var state in Enum.GetValues<RequestState>())
        foreach (var status in Enum.GetValues<AuthorizationStatus>())
        foreach (var reason in Enum.GetValues<DecisionReason>())
        {
            var decided = Record("least") with { State = state, Decision = new(status, reason, Sample.Now) };
            _rows.Add(decided, Next(), claimHash: null);
            Assert.Equal((state, decided.Decision), (_rows.Find(decided.Id)!.State, _rows.Find(decided.Id)!.Decision));
        }
    }

    [Fact]
    public void RowsOfManyCallers_LeaveInTheirOrder_AndTheOthersStay()
    {
        string[] callers = ["", "fleet", "roaming"];
        var added = callers.ToDictionary(caller => caller, _ => new Queue<RequestId>(), StringComparer.Ordinal);
        var random = new Random(7);
        for (var i = 0; i < 20_000; i++)
        {
            var caller = callers[random.Next(callers.Length)];
            if (i % 2_000 > 1_000 && added[caller].TryDequeue(out var oldest))
            {
                Assert.Equal(oldest, _rows.RemoveOldest(caller).Id);
                Assert.Null(_rows.Find(oldest));
                continue;
            }

            var record = Record("least") with { ApiKeyName = caller.Length == 0 ? null : caller };
            _rows.Add(record, Next(), claimHash: null);
            added[caller].Enqueue(record.Id);
        }

        foreach (var (caller, left) in added)
        {
            Assert.All(left, id => Assert.Equal(id, _rows.Find(id)?.Id));
            while (left.TryDequeue(out var oldest))
                Assert.Equal(oldest, _rows.RemoveOldest(caller).Id);
            Assert.Null(_rows.OldestSince(caller));
        }

        Assert.Empty(_rows.Chunks);
    }

    [Fact]
    public void RemovedRow_TellsTheMemoryThatWasCounted_StateAndKey()
    {
        var record = Record("all");
        var bytes = _rows.Add(record, Next(), claimHash: "ab12");

        Assert.Equal(new RemovedRow(record.Id, record.State, bytes, "ab12"), _rows.RemoveOldest("fleet"));
    }

    [Fact]
    public void MemoryOfARow_CountsItsPlaceInTheIndex_AndItsKey()
    {
        var (record, same) = (Record("least"), Record("least"));
        var bytes = _rows.Add(record, Next(), claimHash: null);
        var key = new string('a', 64);

        Assert.InRange(bytes, Assert.Single(_rows.Chunks).Copy().Length + 1, int.MaxValue);
        Assert.InRange(_rows.Add(same, Next(), key), bytes + Claim.Bytes + 1, int.MaxValue);
    }

    [Fact]
    public void RowLargerThanAChunk_IsKept_AndSoAreThoseAroundIt()
    {
        var (before, after) = (Record("least"), Record("least"));
        var large = Record("least") with
        {
            Attempts = [.. Enumerable.Repeat(Sample.Attempt(), SettledRows.ChunkBytes / 16)],
        };
        foreach (var record in new[] { before, large, after })
            _rows.Add(record, Next(), claimHash: null);

        Assert.Equal(large.Attempts, _rows.Find(large.Id)!.Attempts);
        Assert.Equal(before.Id, _rows.RemoveOldest("").Id);
        Assert.Equal(large.Id, _rows.RemoveOldest("").Id);
        Assert.Equal(after.Id, _rows.Find(after.Id)!.Id);
    }

    [Fact]
    public void CopyOfAChunk_HasTheRowsOfItsMoment()
    {
        var records = Enumerable.Range(0, 3).Select(_ => Record("least")).ToList();
        foreach (var record in records)
            _rows.Add(record, Next(), claimHash: null);
        _rows.RemoveOldest("");
        var copy = Assert.Single(_rows.Chunks).Copy();
        _rows.RemoveOldest("");
        _rows.RemoveOldest("");
        _rows.Add(Record("all"), Next(), claimHash: null);

        var second = SettledRow.Length(copy);
        Assert.Equal([records[1].Id, records[2].Id], [SettledRow.Read(copy, 0).Id, SettledRow.Read(copy, second).Id]);
        Assert.Equal(copy.Length, second + SettledRow.Length(copy.AsSpan(second)));
    }

    /// <summary>A caller without a row costs nothing, a caller with one little more than the row.</summary>
    [Fact]
    public void ManyCallersWithOneRowEach_TakeLittleMemory()
    {
        for (var i = 0; i < 1_000; i++)
            _rows.Add(Record("least") with { ApiKeyName = $"caller-{i}" }, Next(), claimHash: null);

        Assert.InRange(_rows.Chunks.Sum(chunk => chunk.Bytes.Length), 100_000, 4_000_000);
    }

    private long Next() => ++_since;

    private static RequestRecord Record(string kind)
    {
        var least = new RequestRecord(
            Id: RequestId.New(Sample.Now),
            StationId: "STATION-1",
            DriverTokenMasked: "cana***",
            ApiKeyName: null,
            State: RequestState.Delivered,
            Decision: new(AuthorizationStatus.Allowed, DecisionReason.InAcl, Sample.Now),
            AcceptedAt: Sample.Now,
            SettledAt: Sample.Now.AddSeconds(1),
            Attempts: [],
            ExpiresAt: Sample.Now.AddMinutes(5),
            AttemptsMade: 0,
            TokenFingerprint: [.. Enumerable.Range(1, IdempotencyHasher.FingerprintBytes).Select(i => (byte)i)],
            Destination: "https://receiver.example:8443"
        );
        return kind switch
        {
            "all" => least with
            {
                ApiKeyName = "fleet",
                AttemptsMade = 2,
                Attempts =
                [
                    new(
                        Sample.Now,
                        TimeSpan.FromMilliseconds(3),
                        503,
                        CallbackOutcome.HttpError,
                        AttemptCause.HttpStatus
                    ),
                    new(Sample.Now.AddTicks(1), TimeSpan.Zero, HttpStatus: null, CallbackOutcome.Timeout),
                ],
                Decision = least.Decision! with
                {
                    Details = new()
                    {
                        AuthorizationReference = "reference",
                        Language = "de",
                        Text = "Guthaben aufgebraucht – äöü",
                        Party = "NL-TNM",
                        Group = "group",
                        ValidUntil = Sample.Now.AddHours(1),
                    },
                },
            },
            "details without texts" => least with { Decision = least.Decision! with { Details = new() } },
            "expired undecided" => least with { State = RequestState.Expired, Decision = null },
            _ => least,
        };
    }
}
