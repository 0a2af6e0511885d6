using System.Collections.Concurrent;
using AkkaCharging.Authorization;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>Submissions that get no place, or give theirs back.</summary>
[Trait("Category", "Component")]
public sealed class IntakeTests : ChargingServiceTest
{
    [Fact]
    public async Task FullQueue_RefusesAtOnce_WithoutTheJournal_AndTakesAgainWhenAPlaceIsGivenBack()
    {
        var gate = new TaskCompletionSource();
        Authorizer.Always(
            async (_, _) =>
            {
                await gate.Task;
                return AuthorizerAnswer.AllowedByList;
            }
        );
        var service = Start(settings => settings with { Queue = settings.Queue with { MaxSize = 6 } });
        await SubmitAsync(service, 3); // half of the queue is for destinations that have answered before
        Journal.IsAway = true; // so that a write would be seen

        var refused = await service.Intake.SubmitAsync(Sample.Submission());
        Assert.Equal(IntakeOutcome.QueueFull, refused.Outcome);
        Assert.InRange(refused.RetryAfter!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
        Assert.Equal((3, 0), (service.Status.Pending, Journal.Refused));
        Journal.IsAway = false;
        gate.SetResult();

        await SettledAsync(3);
        Assert.Equal(IntakeOutcome.Accepted, (await service.Intake.SubmitAsync(Sample.Submission())).Outcome);
    }

    [Fact]
    public async Task JournalThatIsAway_GivesThePlaceBack()
    {
        var service = Start(settings => settings with { Queue = settings.Queue with { MaxSize = 1 } });
        Journal.IsAway = true;

        for (var i = 0; i < 3; i++)
        {
            var refused = await service.Intake.SubmitAsync(Sample.Submission());
            Assert.Equal(
                (IntakeOutcome.JournalUnavailable, TimeSpan.FromSeconds(5)),
                (refused.Outcome, refused.RetryAfter)
            );
        }

        Assert.Equal(0, service.Status.Pending);
        Journal.IsAway = false;
        Assert.Equal(IntakeOutcome.Accepted, (await service.Intake.SubmitAsync(Sample.Submission())).Outcome);
    }

    [Fact]
    public async Task ReplayAndConflict_GiveTheirPlacesBack()
    {
        var service = Start();
        var first = await service.Intake.SubmitAsync(Sample.Submission(claim: new("k", "b")));
        await SettledAsync(1);

        Assert.Equal(
            new IntakeResult(IntakeOutcome.Replayed, first.Id),
            await service.Intake.SubmitAsync(Sample.Submission(claim: new("k", "b")))
        );
        Assert.Equal(
            new IntakeResult(IntakeOutcome.Conflict, first.Id),
            await service.Intake.SubmitAsync(Sample.Submission(claim: new("k", "other")))
        );

        Assert.Equal(0, service.Status.Pending);
        Assert.Single(Observer.SettledEvents);
    }

    [Fact]
    public async Task SubmissionsThatMeetTheClose_AreEitherRefusedOrSettled()
    {
        var service = Start(settings =>
            settings with
            {
                Queue = settings.Queue with { ConsumerThreads = 2, MaxSize = 500 },
                Authorization = settings.Authorization with
                {
                    Throttle = settings.Authorization.Throttle with { Elements = 0 },
                },
            }
        );
        var accepted = new ConcurrentQueue<RequestId>();
        var submitting = Enumerable
            .Range(0, 4)
            .Select(_ =>
                Task.Run(async () =>
                {
                    while (true)
                    {
                        var result = await service.Intake.SubmitAsync(Sample.Submission());
                        if (result.Outcome == IntakeOutcome.ShuttingDown)
                            return;
                        if (result.Outcome == IntakeOutcome.Accepted)
                            accepted.Enqueue(result.Id);
                    }
                })
            )
            .ToList();
        await SettledAsync(200);

        Assert.Equal(0, await DrainAsync(service, Grace).WaitAsync(Patience));

        await Task.WhenAll(submitting).WaitAsync(Patience);
        await AssertSettledOnceAsync([.. accepted]);
    }
}
