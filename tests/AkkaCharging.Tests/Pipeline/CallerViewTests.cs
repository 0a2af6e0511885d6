using AkkaCharging.AddressPolicy;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>A caller sees the same for a name of the internal network as for one that does not exist.</summary>
[Trait("Category", "Unit")]
public sealed class CallerViewTests
{
    private static readonly CallbackSettings Settings = SettingsLoader.Defaults.Callback; // attempts at 0, 1, 3 and 7 s
    private static readonly TimeSpan Retention = TimeSpan.FromHours(24);
    private static readonly TimeSpan Lookup = TimeSpan.FromMilliseconds(4);
    private static readonly TimeSpan LongAge = TimeSpan.FromMinutes(5);

    [Fact]
    public void NameThatLeadsInside_LooksLikeOneThatDoesNotExist_AtEveryTime()
    {
        var refused = Ended(LongAge, [], AttemptCause.AddressRefused);

        foreach (
            var cause in (AttemptCause[])
                [AttemptCause.NameNotFound, AttemptCause.NameTimeout, AttemptCause.NameNotAsked]
        )
            AssertAlike(Ended(LongAge, [], cause, cause, cause, cause), refused);
        AssertAlike(Ended(LongAge, [], AttemptCause.NameTimeout, AttemptCause.AddressRefused), refused);
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(2_500)]
    [InlineData(6_999)]
    [InlineData(15_000)]
    public void RequestThatWouldHaveBeenTooOld_IsExpiredEitherWay(int ageMillis)
    {
        var age = TimeSpan.FromMilliseconds(ageMillis);
        var made = (int[])[0, 1_000, 3_000, 7_000];
        var unknown = Ended(age, [], [.. made.Where(at => at < ageMillis).Select(_ => AttemptCause.NameNotFound)]);
        if (unknown.Attempts.Count < made.Length)
            unknown = unknown with
            {
                State = RequestState.Expired,
                SettledAt = Sample.Now.AddMilliseconds(made[unknown.Attempts.Count]),
            };

        AssertAlike(unknown, Ended(age, [], AttemptCause.AddressRefused));
        Assert.Equal(RequestState.Expired, Show(unknown, TimeSpan.FromSeconds(30))!.State);
    }

    [Fact]
    public void AttemptsBefore_AreShown_AndLeaveTheRestAlike()
    {
        CallbackAttempt[] before = [Attempt(0, AttemptCause.ConnectionRefused), Attempt(1, AttemptCause.HttpStatus)];

        var shown = AssertAlike(
            Ended(LongAge, before, AttemptCause.NameNotFound, AttemptCause.NameNotFound),
            Ended(LongAge, before, AttemptCause.AddressRefused)
        );

        Assert.Equal(
            ["connection_refused", "http_status", "no_address"],
            shown.Attempts.Select(attempt => attempt.Cause)
        );
    }

    [Fact]
    public void Redrive_BeginsAnew_EitherWay()
    {
        // In the journal the first drive's attempts stay, and are not counted any more.
        var unknown = Ended(LongAge, [], [.. Enumerable.Repeat(AttemptCause.NameNotFound, 4)]);
        var refused = Ended(LongAge, [], AttemptCause.AddressRefused);
        unknown = unknown with { Attempts = [.. Of(-60, AttemptCause.NameNotFound, 4), .. unknown.Attempts] };
        refused = refused with { Attempts = [.. Of(-60, AttemptCause.AddressRefused, 1), .. refused.Attempts] };

        Assert.Single(AssertAlike(unknown, refused).Attempts);
    }

    [Fact]
    public void OneEntry_StandsForAllAttemptsInARow_WithoutADuration_OnceTheLongestLookUpIsOver()
    {
        var longest = new SystemHostResolverOptions().Timeout;
        var record = Ended(LongAge, [], [.. Enumerable.Repeat(AttemptCause.NameNotFound, 4)]);

        Assert.Empty(Show(record, longest - TimeSpan.FromMilliseconds(1))!.Attempts);
        var entry = Assert.Single(Show(record, longest)!.Attempts);
        Assert.Equal(
            ("no_address", Sample.Now, TimeSpan.Zero, CallbackOutcome.NetworkError),
            (entry.Cause, entry.Attempt.At, entry.Attempt.Duration, entry.Attempt.Outcome)
        );
    }

    [Fact]
    public void EndOfTheSchedule_IsTheLatestThatJitterAndLookUpsAllow()
    {
        var record = Ended(LongAge, [], AttemptCause.AddressRefused);
        var end = TimeSpan.FromSeconds((7 * 1.2) + (4 * 3));

        Assert.Equal(
            (RequestState.Decided, null),
            (
                Show(record, end - TimeSpan.FromMilliseconds(1))!.State,
                Show(record, end - TimeSpan.FromMilliseconds(1))!.SettledAt
            )
        );
        Assert.Equal((RequestState.Failed, Sample.Now + end), (Show(record, end)!.State, Show(record, end)!.SettledAt));
    }

    /// <summary>The retries end with the schedule, whose latest end is after 20.4 s.</summary>
    [Theory]
    [InlineData(20_399, RequestState.Expired)]
    [InlineData(20_400, RequestState.Expired)]
    [InlineData(20_401, RequestState.Failed)]
    public void RequestWhoseAgeEndsWithTheSchedule_IsExpired(int ageMillis, object state)
    {
        var record = Ended(TimeSpan.FromMilliseconds(ageMillis), [], AttemptCause.AddressRefused);

        Assert.Equal((RequestState)state, Show(record, TimeSpan.FromMinutes(1))!.State);
    }

    /// <summary>The retry that would come when the request is just too old is not made.</summary>
    [Fact]
    public void RetryAtTheExpiry_ProlongsNothing()
    {
        var record = Ended(TimeSpan.FromSeconds(1), [], AttemptCause.AddressRefused);
        var end = TimeSpan.FromSeconds(1.2 + (2 * 3));

        Assert.Equal(RequestState.Decided, Show(record, end - TimeSpan.FromMilliseconds(1))!.State);
        Assert.Equal(
            (RequestState.Expired, Sample.Now + end),
            (Show(record, end)!.State, Show(record, end)!.SettledAt)
        );
    }

    [Fact]
    public void RequestWithoutAnAddress_IsNoLongerShown_WhenItsFirstSuchAttemptIsAsOldAsTheRetentionTime()
    {
        var record = Ended(LongAge, [], AttemptCause.AddressRefused);

        Assert.NotNull(Show(record, Retention - TimeSpan.FromMilliseconds(1)));
        Assert.Null(Show(record, Retention));
    }

    [Fact]
    public void ManyRetries_EndWithTheAge_NotAfterHours()
    {
        var settings = Settings with { MaxRetries = 100 };

        var shown = CallerView.Of(
            Ended(LongAge, [], AttemptCause.AddressRefused),
            settings,
            Retention,
            Sample.Now.AddDays(0.5)
        )!;

        Assert.Equal(RequestState.Expired, shown.State);
        Assert.InRange(shown.SettledAt!.Value - Sample.Now, LongAge, LongAge + (2 * settings.MaxRetryDelay));
    }

    [Fact]
    public void OtherRequests_AreShownAsTheyAre()
    {
        var failed = Ended(LongAge, [Attempt(0, AttemptCause.Tls)]) with
        {
            State = RequestState.Failed,
            SettledAt = Sample.Now,
        };
        // of a version that kept no cause
        var before = failed with
        {
            Attempts = [failed.Attempts[0] with { Cause = null }],
        };
        var delivered = Ended(LongAge, [Attempt(0, AttemptCause.NameNotFound), Attempt(1, cause: null)]) with
        {
            State = RequestState.Delivered,
        };
        var late = Ended(LongAge, [], AttemptCause.NameTimeout) with { SettledAt = Sample.Now.AddMinutes(4) };

        Assert.Equal(
            (RequestState.Failed, Sample.Now, "tls"),
            (Show(failed)!.State, Show(failed)!.SettledAt, Show(failed)!.Attempts.Single().Cause)
        );
        Assert.Null(Show(before)!.Attempts.Single().Cause);
        Assert.Equal(
            (RequestState.Delivered, 2),
            (Show(delivered, LongAge)!.State, Show(delivered, LongAge)!.Attempts.Count)
        );
        Assert.Equal(
            (RequestState.Failed, late.SettledAt),
            (Show(late, LongAge)!.State, Show(late, LongAge)!.SettledAt)
        );
    }

    /// <summary>Of all that a caller can see, at times before, while and after.</summary>
    private static CallerRecord AssertAlike(RequestRecord one, RequestRecord other)
    {
        foreach (var after in Times())
        {
            var (left, right) = (Show(one, after), Show(other, after));
            Assert.Equal((left?.State, left?.SettledAt), (right?.State, right?.SettledAt));
            Assert.Equal(left?.Attempts, right?.Attempts);
        }

        return Show(other, TimeSpan.FromMinutes(1))!;
    }

    private static IEnumerable<TimeSpan> Times() =>
        Enumerable
            .Range(0, 400)
            .Select(step => TimeSpan.FromMilliseconds(100 + (step * 100)))
            .Concat([
                LongAge,
                Retention - TimeSpan.FromMilliseconds(1),
                Retention,
                Retention + Lookup,
                Retention + TimeSpan.FromSeconds(10),
            ]);

    /// <summary>What is shown of the record that the journal has by then.</summary>
    private static CallerRecord? Show(RequestRecord record, TimeSpan after = default)
    {
        var now = Sample.Now + after;
        if (record.SettledAt > now)
        {
            var attempts = record.Attempts.Where(attempt => attempt.At + attempt.Duration <= now).ToList();
            var made = record.AttemptsMade - (record.Attempts.Count - attempts.Count);
            record = record with
            {
                State = RequestState.Decided,
                SettledAt = null,
                Attempts = attempts,
                AttemptsMade = made,
            };
        }

        return CallerView.Of(record, Settings, Retention, now);
    }

    /// <summary>
    /// A request that ended with attempts of these causes, at their times of the schedule and after some before.
    /// </summary>
    private static RequestRecord Ended(TimeSpan age, CallbackAttempt[] before, params AttemptCause[] causes)
    {
        var attempts = before.ToList();
        foreach (var cause in causes)
        {
            var wait = TimeSpan.FromSeconds(Math.Pow(2, attempts.Count - 1)); // 1, 2 and 4 s
            attempts.Add(Attempt(attempts.Count == 0 ? 0 : (attempts[^1].At + wait - Sample.Now).TotalSeconds, cause));
        }

        var settledAt = attempts.Count == 0 ? Sample.Now : attempts[^1].At + Lookup;
        return new(
            Sample.Request().Id,
            "station",
            "cana***",
            ApiKeyName: null,
            RequestState.Failed,
            Sample.Decision(),
            Sample.Now,
            settledAt,
            attempts,
            Sample.Now + age,
            attempts.Count,
            TokenFingerprint: [],
            Destination: "http://127.0.0.1:8080"
        );
    }

    private static CallbackAttempt[] Of(double seconds, AttemptCause cause, int count) =>
        [.. Enumerable.Range(0, count).Select(i => Attempt(seconds + i, cause))];

    private static CallbackAttempt Attempt(double seconds, AttemptCause? cause) =>
        new(
            Sample.Now.AddSeconds(seconds),
            Lookup,
            cause == AttemptCause.HttpStatus ? 503 : null,
            cause switch
            {
                null => CallbackOutcome.Success,
                AttemptCause.AddressRefused => CallbackOutcome.Blocked,
                AttemptCause.HttpStatus => CallbackOutcome.HttpError,
                _ => CallbackOutcome.NetworkError,
            },
            cause
        );
}
