using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Receivers;

/// <summary>Receivers of a register: their shares of the queue, what it tells of them, when it forgets them.</summary>
[Trait("Category", "Unit")]
public sealed class ReceiverRegisterTests : ReceiverRegisterTest
{
    private AdmissionVerdict Admit(string host, int free) => Register.TryAdmit(Key(host), free, out _, out _);

    [Theory]
    [InlineData(true, 80)]
    [InlineData(false, 40)]
    public void OneReceiverAlone_HoldsFourFifths_OfTheQueueOrOfTheHalfForThoseThatHaveNotAnswered(
        bool hasAnswered,
        int expected
    )
    {
        Queue = Queue with { MaxSize = 100 };
        if (hasAnswered)
            Prove("a");

        Assert.Equal(expected, AdmitUntilRefused("a", held: 0));
        Assert.Equal(AdmissionVerdict.DestinationBacklogged, Admit("a", free: 100 - expected));
        Assert.Equal(AdmissionVerdict.Entered, Admit("b", free: 100 - expected));
    }

    [Fact]
    public void SilentReceivers_LeaveHalfOfTheQueueToThoseThatAnswer_AndAPartOfTheOtherToNewOnes()
    {
        Queue = Queue with { MaxSize = 1_000 };
        Prove("healthy");
        var held = 0;
        for (var second = 0; second < 20; second++)
        {
            for (var i = 0; i < 2_000; i++)
                held += Admit($"hanging-{i % 400}", 1_000 - held) == AdmissionVerdict.Entered ? 1 : 0;
            for (var i = 0; i < 400; i++)
                Take($"hanging-{i}", 1);
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.InRange(held, 375, 438);
        Assert.Equal(AdmissionVerdict.QueueFull, Admit("hanging-0", 1_000 - held));
        Assert.Equal(AdmissionVerdict.Entered, Admit("new", 1_000 - held));
        Assert.Equal((1_000 - held) * 4 / 5, AdmitUntilRefused("healthy", held), tolerance: 1);
    }

    [Fact]
    public void ReceiverThatProvesItself_FreesTheHalfOfTheOthers()
    {
        Queue = Queue with { MaxSize = 100 };
        AdmitUntilRefused("a", held: 0);
        Assert.Equal(AdmissionVerdict.Entered, Admit("b", free: 60));

        Prove("a");

        Assert.Equal(39, AdmitUntilRefused("b", held: 41)); // 40 of its half with the one that it had
    }

    [Fact]
    public void IdleReceivers_AreForgottenAfterAMinute_AndNewOnesStartAnew()
    {
        for (var i = 0; i < 1_000; i++)
        {
            var turn = Take($"d-{i}", 1)[0];
            End(turn, i % 2 == 0 ? Sample.Answered() : Failed());
            Register.Leave(turn.Receiver);
        }

        Assert.Equal(1_000, Register.Count);
        Time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(1_000, Register.Count);
        Time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(0, Register.Count);
        Assert.Equal(0, Register.Counts.All);
        Take("d-0", 1);
        Assert.Equal(Standing.New, Status("d-0").Standing);
    }

    [Fact]
    public void OpenBreakerOfAReceiverThatIsForgotten_IsReportedClosed_Once()
    {
        OpenBreaker("a");
        var pending = Status("a").Pending;
        var receiver = Register.Join(Key("a"));
        for (var left = 0; left <= pending; left++)
            Register.Leave(receiver);
        Assert.Equal([("a", BreakerState.Open)], Moves);

        Time.Advance(ReceiverRegister.Remembered);
        Time.Advance(ReceiverRegister.Remembered);

        Assert.Equal(0, Register.Count);
        Assert.Equal([("a", BreakerState.Open), ("a", BreakerState.Closed)], Moves);
    }

    [Fact]
    public void ReceiverWithAnAttemptInFlight_IsNotForgotten_UntilItEnds()
    {
        var turn = Take("a", 1)[0];
        Register.Leave(turn.Receiver); // its lane went to another node

        Assert.Equal(1, Register.Count);
        End(turn, attempt: null);

        Assert.Equal(0, Register.Count);
        Assert.Equal(0, Register.InFlight);
    }

    [Fact]
    public void MillionReceiversOverTime_LeaveNoMemoryBehind()
    {
        Visit(0, 20_000);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        Visit(20_000, 1_000_000);

        Assert.InRange(Register.Count, 0, 10_000);
        // a leak would be hundreds; other tests run in parallel
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 64_000_000);

        void Visit(int from, int to)
        {
            for (var i = from; i < to; i++)
            {
                Register.TryAdmit(new("https", $"host-{i}.example.com", 443), free: 10_000, out var receiver, out _);
                if (i % 2 == 0)
                {
                    var turn = new TestTurn("", receiver!, Owner, long.MaxValue, isRetry: false, attempt: 1, [], []);
                    Register.TakeAttemptOrWait(receiver!, turn);
                    Register.EndAttempt(receiver!, turn, Sample.Answered());
                }

                Register.LeaveAdmitted(receiver!);
            }
        }
    }

    [Fact]
    public void PausedReceiver_IsNotForgotten()
    {
        Register.Pause(Key("a"));

        Time.Advance(TimeSpan.FromMinutes(10));

        Assert.True(Status("a").IsPaused);
        Register.Resume(Key("a"));
        Assert.Equal(0, Register.Count);
    }

    [Fact]
    public void Status_NamesTheBusiestFirst_AndTheLastAttempt()
    {
        Take("a", 1);
        Take("b", 3);
        Take("c", 2);
        End(Running("b"), Failed(CallbackOutcome.HttpError, 503));

        var status = Register.Status(max: 2);

        Assert.Equal(["b.example.com", "c.example.com"], status.Select(receiver => receiver.Key.Host));
        Assert.Equal((503, (int?)null), (status[0].LastAttempt!.HttpStatus, status[1].LastAttempt?.HttpStatus));
    }

    [Fact]
    public void Counts_SayHowManyReceiversOfEachStandingThereAre()
    {
        OpenBreaker("a");
        Prove("b");
        Prove("c");
        Take("d", 1);

        Assert.Equal(new ReceiverCounts(New: 1, Proven: 2, Silent: 1, BreakersOpen: 1), Register.Counts);
        Assert.Equal(4, Register.Counts.All);
    }

    [Fact]
    public void AdmittedRequestThatLeaves_GivesItsPlacesBack()
    {
        Assert.Equal(AdmissionVerdict.Entered, Register.TryAdmit(Key("a"), 100, out var receiver, out _));
        Assert.Equal(1, Register.Unproven.Pending);

        Register.LeaveAdmitted(receiver!);

        Assert.Equal(0, Register.Unproven.Pending);
        Assert.Empty(Register.Status(int.MaxValue));
    }

    [Fact]
    public void AdmittedRequestsThatLeave_MakeRoomForOthersOfTheirReceiver_AndShortenItsWait()
    {
        Prove("a");
        var admitted = Fill(out var retryAfter);
        Assert.Equal(TimeSpan.FromSeconds(60), retryAfter);
        Time.Advance(TimeSpan.FromSeconds(1));
        var left = admitted.Count / 2;

        admitted.Take(left).ToList().ForEach(Register.LeaveAdmitted);

        Assert.Equal(left, Fill(out retryAfter).Count);
        Assert.InRange(retryAfter, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(59));

        List<Receiver> Fill(out TimeSpan retryAfter)
        {
            var entered = new List<Receiver>();
            while (Register.TryAdmit(Key("a"), 100, out var receiver, out retryAfter) == AdmissionVerdict.Entered)
                entered.Add(receiver!);
            return entered;
        }
    }

    private int AdmitUntilRefused(string host, int held)
    {
        var admitted = 0;
        while (Admit(host, Queue.MaxSize - held - admitted) == AdmissionVerdict.Entered)
            admitted++;
        return admitted;
    }
}
