using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Receivers;

/// <summary>What an attempt, and its answer, tell of a receiver.</summary>
[Trait("Category", "Unit")]
public sealed class ReceiverTests
{
    private static readonly TimeSpan AlmostSilence = Receiver.Silence - TimeSpan.FromMilliseconds(1);
    private readonly FakeTimeProvider _time = new(Sample.Now);
    private readonly Receiver _receiver;

    public ReceiverTests() =>
        _receiver = new Receiver(
            new("https", "a.example", 443),
            SettingsLoader.Defaults.Callback,
            maxInFlight: 100,
            new FairSlots(100, _time),
            _time
        );

    [Theory]
    [InlineData(200, 0, true)]
    [InlineData(404, 0, true)]
    [InlineData(499, 0, true)]
    [InlineData(500, 1, false)]
    [InlineData(503, 1, false)]
    [InlineData(599, 1, false)]
    [InlineData(600, 0, true)]
    [InlineData(999, 0, true)]
    public void AnswersOtherThan5xx_ProveIt(int status, int failures, bool isProven)
    {
        Assert.False(Learn(Start(), status));

        Assert.Equal(failures, Status.FailuresInARow);
        Assert.Equal(isProven ? Standing.Proven : Standing.New, Reviewed());
    }

    [Fact]
    public void NewReceiver_StaysNew_UntilItIsAsked() => Assert.Equal(Standing.New, ReviewedIn(TimeSpan.FromDays(1)));

    [Fact]
    public void Silence_CountsFromTheFirstRequestThatWaitedForAnAnswer()
    {
        Ask();
        _time.Advance(Receiver.Silence / 2);
        Ask();

        Assert.Equal(Standing.New, ReviewedIn(AlmostSilence / 2));
        Assert.Equal(Standing.Silent, ReviewedIn(TimeSpan.FromMilliseconds(1)));
    }

    [Fact]
    public void Silence_CountsAnewAfterAnAnswer_WhileAnotherAttemptIsInFlight()
    {
        var (first, second) = (Start(), Start());
        _time.Advance(AlmostSilence);
        Learn(first, 200);
        Assert.Equal(Standing.Proven, ReviewedIn(AlmostSilence));

        Assert.Equal(Standing.Silent, ReviewedIn(TimeSpan.FromMilliseconds(1)));
        Learn(second, 200);
        Assert.Equal(Standing.Proven, Reviewed());
    }

    [Fact]
    public void ProvenReceiver_WithNothingInFlight_IsNotSilent()
    {
        Learn(Start(), 200);

        Assert.Equal(Standing.Proven, ReviewedIn(TimeSpan.FromDays(1)));
        Assert.Equal(long.MaxValue, _receiver.NextChangeAt);
    }

    [Fact]
    public void AttemptThatWasNotMade_LeavesAProvenReceiverProven()
    {
        Learn(Start(), 200);

        Assert.False(Learn(Start(), status: null));

        Assert.Equal(Standing.Proven, ReviewedIn(TimeSpan.FromDays(1)));
    }

    [Fact]
    public void AttemptThatWasNotMade_DoesNotEndTheSilence_OfOneThatIsStillInFlight()
    {
        Learn(Start(), 200);
        var made = Start();

        Learn(Start(), status: null);

        Assert.Equal(Standing.Silent, ReviewedIn(Receiver.Silence));
        Learn(made, 200);
    }

    [Fact]
    public void AttemptThatWasNotMade_LeavesANewReceiverNew()
    {
        Ask();
        Learn(Start(), status: null);

        Assert.Equal(Standing.New, ReviewedIn(TimeSpan.FromDays(1)));
        Assert.Equal(long.MaxValue, _receiver.NextChangeAt);
    }

    [Fact]
    public void AttemptThatWasNotMade_DoesNotEndTheSilence_OfANewReceiverWithAnotherInFlight()
    {
        var made = Start();

        Learn(Start(), status: null);

        Assert.Equal(Standing.Silent, ReviewedIn(Receiver.Silence));
        Learn(made, 200);
    }

    [Fact]
    public void AddressThatIsBlocked_DoesNotEndTheSilence_OfAReceiverThatHasNeverAnswered()
    {
        Learn(Start(), new CallbackAttempt(Sample.Now, TimeSpan.Zero, HttpStatus: null, CallbackOutcome.Blocked));

        Assert.Equal(Standing.Silent, ReviewedIn(Receiver.Silence));
    }

    [Fact]
    public void AttemptThatWasNotMade_DoesNotEndTheSilence_OfAReceiverThatFailed()
    {
        Learn(Start(), 200);
        Learn(Start(), 500);

        Learn(Start(), status: null);

        Assert.Equal(Standing.Silent, ReviewedIn(Receiver.Silence));
    }

    [Fact]
    public void SilentReceiver_StaysSilent_UntilItAnswers()
    {
        Learn(Start(), 200);
        var late = Start();
        Assert.Equal(Standing.Silent, ReviewedIn(Receiver.Silence));

        Learn(late, status: null);
        Assert.Equal(Standing.Silent, ReviewedIn(TimeSpan.FromDays(1)));
        Learn(Start(), 200);

        Assert.Equal(Standing.Proven, Reviewed());
    }

    [Fact]
    public void OpenBreaker_TakesTheEarnedLimitBack_AndMakesItSilent()
    {
        Prove(slots: 10);
        Assert.Equal(10, Status.InFlightMax);

        var isAtFault = false;
        for (var failure = 0; failure < 10; failure++)
        {
            Assert.False(isAtFault);
            isAtFault = Learn(Start(attempt: 3), 500); // an answer, which halves no limit
            _time.Advance(TimeSpan.FromMilliseconds(500));
        }

        Assert.True(isAtFault);
        Assert.Equal((BreakerState.Open, 2), (Status.Breaker, Status.InFlightMax));
        Assert.Equal(Standing.Silent, Reviewed());
    }

    [Theory]
    [InlineData(429, 0)]
    [InlineData(502, 1)]
    [InlineData(503, 1)]
    [InlineData(504, 1)]
    public void AnswersThatSignalOverload_HalveTheEarnedLimit(int status, int failures)
    {
        Prove(slots: 10);

        Learn(Start(), status);

        Assert.Equal((5, failures), (Status.InFlightMax, Status.FailuresInARow));
    }

    [Fact]
    public void NameThatIsNotFound_AndAnAddressThatIsBlocked_SayNothingOfIt()
    {
        Prove(slots: 10);
        foreach (var cause in (AttemptCause[])[AttemptCause.NameNotFound, AttemptCause.AddressRefused])
        {
            var attempt = new CallbackAttempt(
                Sample.Now,
                TimeSpan.Zero,
                HttpStatus: null,
                cause == AttemptCause.NameNotFound ? CallbackOutcome.NetworkError : CallbackOutcome.Blocked,
                cause
            );

            Assert.False(Learn(Start(), attempt));

            Assert.Equal((10, 0, attempt), (Status.InFlightMax, Status.FailuresInARow, Status.LastAttempt));
        }
    }

    private ReceiverStatus Status => _receiver.Status(_time.GetTimestamp());

    private void Ask() => _receiver.OnAsked(_time.GetTimestamp());

    private TestTurn Start(int attempt = 1)
    {
        var turn = new TestTurn("a", _receiver, this, long.MaxValue, isRetry: false, attempt, [], []);
        _receiver.Attempts.Taken++;
        _receiver.Attempts.OnStarted(turn, _time.GetTimestamp());
        return turn;
    }

    private bool Learn(TestTurn turn, int? status) => Learn(turn, status is { } code ? Sample.Answered(code) : null);

    private bool Learn(TestTurn turn, CallbackAttempt? attempt)
    {
        var isAtFault = _receiver.Learn(turn, attempt, _time.GetTimestamp());
        _receiver.Attempts.Taken--;
        return isAtFault;
    }

    /// <summary>Answers so many attempts at once that the receiver earns <paramref name="slots"/>.</summary>
    private void Prove(int slots)
    {
        while (Status.InFlightMax < slots)
            Enumerable.Range(0, Status.InFlightMax).Select(_ => Start()).ToList().ForEach(turn => Learn(turn, 200));
    }

    private Standing ReviewedIn(TimeSpan wait)
    {
        _time.Advance(wait);
        return Reviewed();
    }

    private Standing Reviewed()
    {
        _receiver.Review(_time.GetTimestamp());
        return _receiver.Standing;
    }
}
