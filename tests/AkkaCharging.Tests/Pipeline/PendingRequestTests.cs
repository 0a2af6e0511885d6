using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Settings;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

[Trait("Category", "Unit")]
public sealed class PendingRequestTests
{
    [Fact]
    public void EachRun_IsClaimedOnce_AndNoneAfterALaterOne()
    {
        var pending = Sample.Pending();

        Assert.Equal(
            [true, false, true, false, false],
            [pending.TryClaim(1), pending.TryClaim(1), pending.TryClaim(3), pending.TryClaim(2), pending.TryClaim(3)]
        );
    }

    /// <summary>A request of a long backlog is read long before there is a place for it.</summary>
    [Fact]
    public void RequestOfTheJournal_AgesWhileItWaitsForItsPlace()
    {
        var time = new FakeTimeProvider(Sample.Now);
        var unsettled = new UnsettledRequest(
            Sample.Request(),
            Decision: null,
            AttemptsMade: 0,
            Since: time.GetTimestamp()
        );
        time.Advance(TimeSpan.FromMinutes(2));

        var pending = PendingRequest.FromJournal(unsettled, Sample.Pending().Receiver, time);

        Assert.Equal(TimeSpan.FromMinutes(2), pending.Age(time));
        Assert.Equal(
            unsettled.Life - TimeSpan.FromMinutes(2),
            time.GetElapsedTime(time.GetTimestamp(), pending.Deadline)
        );
    }

    [Fact]
    public void RequestOfTheJournal_OfUnknownAge_IsAsNew()
    {
        var time = new FakeTimeProvider(Sample.Now);
        foreach (var since in (long?[])[null, time.GetTimestamp() + 1])
        {
            var unsettled = new UnsettledRequest(Sample.Request(), Decision: null, AttemptsMade: 0, Since: since);

            Assert.Equal(
                TimeSpan.Zero,
                PendingRequest.FromJournal(unsettled, Sample.Pending().Receiver, time).Age(time)
            );
        }
    }

    [Fact]
    public void ManyClaimantsOfOneRun_HaveOneWinner()
    {
        for (var round = 0; round < 500; round++)
        {
            var pending = Sample.Pending();
            var wins = 0;
            Parallel.For(0, 8, _ => Interlocked.Add(ref wins, pending.TryClaim(1) ? 1 : 0));
            Assert.Equal(1, wins);
        }
    }

    /// <summary>
    /// The intake may still claim the run that died while the owner claims the next: the next must have the request all
    /// the same.
    /// </summary>
    [Fact]
    public async Task ClaimOfTheRunBefore_NeverCostsTheNextRunItsClaim()
    {
        using var barrier = new Barrier(2);
        PendingRequest pending = null!;
        const int Rounds = 5_000;
        var won = 0;
        var intake = Task.Factory.StartNew(() => RunRounds(() => pending.TryClaim(1)), TaskCreationOptions.LongRunning);
        RunRounds(() => won += pending.TryClaim(2) ? 1 : 0, prepare: () => pending = Sample.Pending());
        await intake;

        Assert.Equal(Rounds, won);

        void RunRounds(Action claim, Action? prepare = null)
        {
            for (var round = 0; round < Rounds; round++)
            {
                prepare?.Invoke();
                barrier.SignalAndWait();
                claim();
                barrier.SignalAndWait();
            }
        }
    }

    [Fact]
    public void Request_ExpiresAtItsAge()
    {
        var time = new FakeTimeProvider(Sample.Now);
        var pending = Sample.Pending(age: TimeSpan.FromSeconds(10));

        time.Advance(TimeSpan.FromSeconds(10) - TimeSpan.FromTicks(1));
        Assert.False(pending.IsExpired(time));
        time.Advance(TimeSpan.FromTicks(1));
        Assert.True(pending.IsExpired(time));
    }

    [Theory]
    [InlineData(1, 1, 64)]
    [InlineData(3, 1, 22)]
    [InlineData(3, 2, 20_000)] // what waits for one partner holds up no other
    public void LaneSettings_ShareTheAuthorizer_ButNotTheQueue(int lanes, int partners, int parallelism)
    {
        var settings = SettingsLoader.Defaults;
        settings = settings with { Queue = settings.Queue with { ConsumerThreads = lanes } };

        var share = LaneSettings.ShareOf(settings, partners);

        // As many admitted requests as recovered ones.
        Assert.Equal((2 * settings.Queue.MaxSize, parallelism), (share.QueueSize, share.Parallelism));
    }
}
