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
}
