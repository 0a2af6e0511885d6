using System.Diagnostics;
using System.Globalization;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class StoredNamesTests
{
    private static readonly CallbackAttempt[] Attempts =
    [
        new(
            Sample.Now,
            TimeSpan.FromTicks(7),
            HttpStatus: null,
            CallbackOutcome.NetworkError,
            AttemptCause.NameNotFound
        ),
        new(
            Sample.Now.AddSeconds(1),
            TimeSpan.Zero,
            HttpStatus: 503,
            CallbackOutcome.HttpError,
            AttemptCause.HttpStatus
        ),
        new(Sample.Now.AddSeconds(2), TimeSpan.Zero, HttpStatus: 200, CallbackOutcome.Success),
    ];

    [Fact]
    public void Attempts_AreReadAsTheyWereWritten()
    {
        CallbackAttempt[] every =
        [
            .. Enum.GetValues<AttemptCause>().Select(cause => Attempts[0] with { Cause = cause }),
            .. Attempts,
        ];

        Assert.Equal(every, StoredNames.Attempts(string.Concat(every.Select(StoredNames.Attempt))));
    }

    [Fact]
    public void AttemptsOfAVersionWithoutCauses_AreRead()
    {
        var text = $"{Sample.Now.UtcTicks},7,,network_error;{Sample.Now.AddSeconds(1).UtcTicks},0,503,http_error;";

        Assert.Equal(Attempts.Take(2).Select(attempt => attempt with { Cause = null }), StoredNames.Attempts(text));
    }

    [Fact]
    public void CauseOfALaterVersion_IsLeftOut() =>
        Assert.Equal(
            [Attempts[0] with { Cause = null }],
            StoredNames.Attempts($"{Sample.Now.UtcTicks},7,,network_error,quantum_flux;")
        );

    /// <summary>The version before reads four fields of each, wherever there are more.</summary>
    [Fact]
    public void VersionBefore_ReadsWhatIsWritten()
    {
        var read = string.Concat(Attempts.Select(StoredNames.Attempt))
            .Split(';', StringSplitOptions.RemoveEmptyEntries)
            .Select(attempt => attempt.Split(','))
            .Select(parts =>
                (
                    long.Parse(parts[0], CultureInfo.InvariantCulture),
                    long.Parse(parts[1], CultureInfo.InvariantCulture),
                    parts[2],
                    parts[3]
                )
            );

        Assert.Equal(
            Attempts.Select(attempt =>
                (attempt.At.UtcTicks, attempt.Duration.Ticks, $"{attempt.HttpStatus}", attempt.Outcome.Name())
            ),
            read
        );
    }

    [Fact]
    public void ReasonOfALaterVersion_IsReadAsTheNearestOfItsStatus() =>
        Assert.Equal(
            [DecisionReason.Authorized, DecisionReason.NotInAcl, DecisionReason.AuthorizerError],
            Enum.GetValues<AuthorizationStatus>()
                .Select(status => StoredNames.Decision(status.Name(), "of_tomorrow", 0, details: null).Reason)
        );

    [Theory]
    [InlineData("delivered", "Delivered")]
    [InlineData("expired", "Expired")]
    [InlineData("of_tomorrow", "Failed")]
    [InlineData(null, "Failed")]
    public void StateOfADeletedRequest_IsFailed_WhereItCannotBeRead(string? name, string expected) =>
        Assert.Equal(Enum.Parse<RequestState>(expected), StoredNames.StateOfDeleted(name));

    [Fact]
    public void NewestAttempts_AreThoseThatARedriveKeeps()
    {
        var all = Enumerable
            .Range(0, StoredNames.AttemptsKept + 1)
            .Select(i => Attempts[0] with { At = Sample.Now.AddSeconds(i) })
            .ToList();

        var newest = StoredNames.NewestAttempts(string.Concat(all.Select(StoredNames.Attempt)));

        Assert.Equal(all[1..], StoredNames.Attempts(newest));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("vendor=state")]
    public void Trace_IsReadAsItWasWritten(string? state)
    {
        var trace = new ActivityContext(
            ActivityTraceId.CreateFromString("0af7651916cd43dd8448eb211c80319c"),
            ActivitySpanId.CreateFromString("b7ad6b7169203331"),
            ActivityTraceFlags.Recorded,
            state
        );

        var stored = StoredNames.Trace(trace);

        Assert.Equal($"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 {state}".TrimEnd(), stored);
        Assert.Equal(trace, StoredNames.Trace(stored));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c")]
    public void TextThatIsNoTrace_IsNone(string? text) => Assert.Equal(default, StoredNames.Trace(text));
}
