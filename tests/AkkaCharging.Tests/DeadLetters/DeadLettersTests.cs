using AkkaCharging.DeadLetters;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.DeadLetters;

/// <summary>The operators' side of dead letters; the lanes hold what is redriven, and nothing runs in them.</summary>
[Trait("Category", "Unit")]
public sealed class DeadLettersTests
{
    private const int Places = 300;
    private const int PerSecond = 50;
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    private readonly FakeTimeProvider _time = new(Sample.Now);
    private readonly MemoryJournal _journal;
    private readonly BreakableDeadLetters _store;
    private readonly ReceiverRegister _receivers;
    private readonly Admission _admission;
    private readonly LaneSet _lanes;
    private readonly DeadLetterOperations _letters;

    public DeadLettersTests()
    {
        _journal = new(SettingsLoader.Defaults.Journal, _time);
        _store = new(_journal);
        _receivers = new(
            SettingsLoader.Defaults.Callback,
            new(Places * 3, ConsumerThreads: 1, DestinationShare: 1_000),
            _time
        ); // all places are open to receivers that have not answered
        _admission = new(Places, _receivers, _time);
        _lanes = LaneSet.Alone(4, _admission, _time.GetUtcNow());
        _letters = new(PerSecond, _admission, _store, _lanes, _time);
    }

    private List<PendingRequest> Pending => [.. _lanes.All.SelectMany(lane => lane.Pending)];

    [Fact]
    public async Task RedrivenLetter_IsInALane_DecidedAndMarked_AndTakesNoPlaceOfNewRequests()
    {
        var id = await DeadAsync();
        _time.Advance(TimeSpan.FromHours(1));

        Assert.Equal(RedriveOutcome.Redriven, await _letters.RedriveAsync(id, default));

        var pending = Assert.Single(Pending);
        Assert.Equal(
            (id, Sample.Decision(), 0, true, true),
            (pending.Request.Id, pending.Decision, pending.AttemptsMade, pending.IsRecovered, pending.IsRedriven)
        );
        Assert.Equal(Sample.Now.AddHours(1).AddMinutes(5), pending.Request.ExpiresAt);
        Assert.Equal(1, _admission.Pending);
        Assert.All(
            Enumerable.Range(0, Places),
            _ =>
                Assert.Equal(
                    AdmissionVerdict.Entered,
                    _admission.TryEnter(pending.Request.Callback.Destination, out var _, out var _)
                )
        );
        Assert.Equal(RedriveOutcome.Busy, await _letters.RedriveAsync(id, default)); // it is under way
        Assert.Equal(Places + 1, _admission.Pending);
    }

    [Fact]
    public async Task WithoutRoom_OneIsBusyAfterAWhile_AndStaysADeadLetter()
    {
        var id = await DeadAsync();
        for (var i = 0; i < Places; i++)
            await _admission.EnterRecoveredAsync(default);

        var redriving = _letters.RedriveAsync(id, default);
        _time.Advance(DeadLetterOperations.Patience - TimeSpan.FromMilliseconds(1));
        Assert.False(redriving.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(RedriveOutcome.Busy, await redriving);
        Assert.Equal([id], await ListedAsync());
    }

    [Fact]
    public async Task CallerThatHangsUpWhileItWaitsForRoom_IsToldSo()
    {
        var id = await DeadAsync();
        for (var i = 0; i < Places; i++)
            await _admission.EnterRecoveredAsync(default);
        using var hungUp = new CancellationTokenSource();

        var redriving = _letters.RedriveAsync(id, hungUp.Token);
        await hungUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => redriving);
        Assert.Equal([id], await ListedAsync());
    }

    [Fact]
    public async Task WhatIsNoDeadLetter_GivesItsRoomBack()
    {
        var request = Sample.Request();
        await _journal.AcceptAsync(request, idempotency: null, default);

        Assert.Equal(RedriveOutcome.NotDeadLetter, await _letters.RedriveAsync(request.Id, default));
        Assert.Equal(RedriveOutcome.NotFound, await _letters.RedriveAsync(RequestId.New(Sample.Now), default));
        _store.IsAway = true;
        await Assert.ThrowsAsync<JournalUnavailableException>(() => _letters.RedriveAsync(request.Id, default));

        Assert.Equal(0, _admission.Pending);
    }

    [Fact]
    public async Task Many_AreRedrivenAtTheirRate_AndThoseThatFailMeanwhileAreLeftAlone()
    {
        const int Count = 123;
        for (var i = 0; i < Count; i++)
            await DeadAsync();
        _time.Advance(Step);

        var begun = (await _letters.RedriveAllAsync(new(), confirmed: null, default)).Progress;
        Assert.Equal((Count, true, _time.GetUtcNow()), (begun!.Matched, begun.IsRunning, begun.StartedAt));
        for (var step = 1; step <= 25; step++)
        {
            await RedrivenAsync(Math.Min(Count, 5 * step));
            if (step == 3)
                await FailAgainAsync(Pending[0]);
            _time.Advance(Step);
        }

        await EndedAsync();
        Assert.Equal(
            (Count, 0, 0, false, null),
            (
                _letters.Bulk!.Redriven,
                _letters.Bulk.PassedOver,
                _letters.Bulk.Remaining,
                _letters.Bulk.IsCancelled,
                _letters.Bulk.Problem
            )
        );
        Assert.Single(await ListedAsync());
        Assert.Equal(Count - 1, Pending.Count);
    }

    [Fact]
    public async Task Many_AreThoseOfADestinationAndATime()
    {
        var before = await DeadAsync();
        _time.Advance(Step);
        var from = _time.GetUtcNow();
        var other = await DeadAsync("http://127.0.0.1:9090/hook");
        var matching = await DeadAsync();
        _time.Advance(Step);
        var after = await DeadAsync();
        _time.Advance(Step);

        var begun = await _letters.RedriveAllAsync(
            new(Sample.Url("http://127.0.0.1:8080/").Destination, from, from + Step),
            confirmed: null,
            default
        );

        Assert.Equal(1, begun.Matched);
        await RedrivenAsync(1);
        Assert.Equal(matching, Assert.Single(Pending).Request.Id);
        Assert.Equal([after, other, before], await ListedAsync());
    }

    [Fact]
    public async Task OneBulkAtATime_AndTheNextAfterItsEnd()
    {
        for (var i = 0; i < 6; i++)
            await DeadAsync();
        _time.Advance(Step);
        Assert.Null(_letters.Bulk);
        Assert.False(_letters.CancelBulk());

        Assert.NotNull((await _letters.RedriveAllAsync(new(), confirmed: null, default)).Progress);
        await RedrivenAsync(5);
        Assert.Equal(BulkOutcome.Busy, (await _letters.RedriveAllAsync(new(), confirmed: null, default)).Outcome);
        _time.Advance(Step);
        await RedrivenAsync(6);
        _time.Advance(Step);
        await EndedAsync();

        Assert.Equal(0, (await _letters.RedriveAllAsync(new(), confirmed: null, default)).Progress!.Matched);
    }

    [Fact]
    public async Task Preview_CountsCausesAndAges_OfTheNewest_AndTheNumberIsConfirmed()
    {
        await DeadAsync("http://127.0.0.1:9090/hook", waited: TimeSpan.FromHours(23));
        for (var i = 0; i < 3; i++)
            await DeadAsync();
        _time.Advance(TimeSpan.FromMinutes(59));
        await DeadAsync();
        _time.Advance(TimeSpan.FromMinutes(1) + TimeSpan.FromTicks(1));

        var preview = await _letters.PreviewAsync(new(), default);

        Assert.Equal((5, 5, 1, 3, 4), Figures(preview));
        Assert.Equal(5, Assert.Single(preview.Causes).Value);
        Assert.Equal(_time.GetUtcNow() - TimeSpan.FromTicks(1), preview.Query.To); // a whole millisecond
        var one = await _letters.PreviewAsync(new(Sample.Url("http://127.0.0.1:9090/").Destination), default);
        Assert.Equal((1, 1, 0, 0, 1), Figures(one));
        Assert.Equal(
            new(BulkOutcome.NotConfirmed, Matched: 5),
            await _letters.RedriveAllAsync(preview.Query, confirmed: 4, default)
        );
        Assert.Null(_letters.Bulk);
        Assert.Equal(
            BulkOutcome.Started,
            (await _letters.RedriveAllAsync(preview.Query, confirmed: 5, default)).Outcome
        );

        static (long, int, int, int, int) Figures(RedrivePreview of) =>
            (of.Matched, of.LookedAt, of.UnderAnHour, of.UnderADay, of.Expired);
    }

    [Fact]
    public async Task CancelledBulk_LeavesTheRest()
    {
        for (var i = 0; i < 12; i++)
            await DeadAsync();
        _time.Advance(Step);
        await _letters.RedriveAllAsync(new(), confirmed: null, default);
        await RedrivenAsync(5);

        Assert.True(_letters.CancelBulk());

        await EndedAsync();
        Assert.Equal((5, 7, true), (_letters.Bulk!.Redriven, _letters.Bulk.Remaining, _letters.Bulk.IsCancelled));
        Assert.Equal(7, (await ListedAsync()).Count);
    }

    [Fact]
    public async Task Bulk_WaitsForRoom_AndPassesOverWhatIsStillInALane()
    {
        var held = await DeadAsync();
        _lanes.All[0].TryAdd(Sample.Pending(Sample.Request() with { Id = held }));
        var other = await DeadAsync();
        for (var i = 0; i < Places; i++)
            await _admission.EnterRecoveredAsync(default);
        _time.Advance(Step);
        await _letters.RedriveAllAsync(new(), confirmed: null, default);
        await Eventually.HoldsAsync(() => _store.Listed > 0, "the letters are read");
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(0, _letters.Bulk!.Redriven);

        _admission.LeaveRecovered(joined: null, isRedriven: false);
        _admission.LeaveRecovered(joined: null, isRedriven: false);

        await EndedAsync();
        Assert.Equal((1, 1), (_letters.Bulk.Redriven, _letters.Bulk.PassedOver));
        Assert.Equal([held], await ListedAsync());
        Assert.Equal(RequestState.Decided, (await _journal.FindAsync(other, default))!.State);
    }

    [Fact]
    public async Task JournalThatIsAway_IsWaitedFor_ButNothingIsBegunOnIt()
    {
        var ids = new[] { await DeadAsync(), await DeadAsync() };
        _time.Advance(Step);
        _store.IsAway = true;
        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            _letters.RedriveAllAsync(new(), confirmed: null, default)
        );
        Assert.Null(_letters.Bulk);
        _store.IsAway = false;
        var writes = _store.Refused;
        _store.RefusesRedrives = true;

        await _letters.RedriveAllAsync(new(), confirmed: null, default);
        await Eventually.HoldsAsync(() => _store.Refused >= writes + 2, "both were tried");
        _store.RefusesRedrives = false;

        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(Step);
                return _letters.Bulk!.Redriven == ids.Length;
            },
            "both are redriven"
        );
    }

    [Fact]
    public async Task Defect_EndsTheBulk_WhichSaysSo()
    {
        await DeadAsync();
        _time.Advance(Step);
        (_store.Refusal, _store.RefusesRedrives) = (new InvalidOperationException("planted defect"), true);

        await _letters.RedriveAllAsync(new(), confirmed: null, default);

        await EndedAsync();
        Assert.Equal(("InvalidOperationException", 1), (_letters.Bulk!.Problem, _letters.Bulk.Remaining));
        Assert.Equal(0, _admission.Pending);
    }

    [Fact]
    public async Task Stop_EndsTheBulk_AndNothingIsRedrivenAfterIt()
    {
        for (var i = 0; i < 12; i++)
            await DeadAsync();
        _time.Advance(Step);
        await _letters.RedriveAllAsync(new(), confirmed: null, default);
        await RedrivenAsync(5);

        await _letters.StopAsync();

        Assert.Equal((5, false), (_letters.Bulk!.Redriven, _letters.Bulk.IsRunning));
        Assert.Equal(RedriveOutcome.Busy, await _letters.RedriveAsync((await ListedAsync())[0], default));
        Assert.Equal(BulkOutcome.Busy, (await _letters.RedriveAllAsync(new(), confirmed: null, default)).Outcome);
        Assert.Equal((7, 5), ((await ListedAsync()).Count, Pending.Count));
    }

    [Fact]
    public async Task DiscardedLetter_IsGone_AndPagesAreBounded()
    {
        var id = await DeadAsync();
        var other = await DeadAsync();

        Assert.Equal(DiscardOutcome.Discarded, await _letters.DiscardAsync(id, default));

        Assert.Equal(
            [other],
            (await _letters.ListAsync(new(), after: null, most: int.MaxValue, default)).Letters.Select(letter =>
                letter.Id
            )
        );
        Assert.Equal(
            [other],
            (await _letters.ListAsync(new(), after: null, most: 0, default)).Letters.Select(letter => letter.Id)
        );
    }

    private async Task<RequestId> DeadAsync(string url = "http://127.0.0.1:8080/hook", TimeSpan waited = default)
    {
        var request = Sample.Request(url, _time.GetUtcNow() - waited);
        await _journal.AcceptAsync(request, idempotency: null, default);
        await _journal.DecideAsync(request.Id, Sample.Decision(), default);
        await _journal.SettleAsync(request.Id, Failed(), default);
        return request.Id;
    }

    /// <summary>As a lane does when a receiver still fails.</summary>
    private async Task FailAgainAsync(PendingRequest pending)
    {
        await _journal.SettleAsync(pending.Request.Id, Failed(), default);
        Assert.True(_lanes.Of(pending.Request.Id, 0)!.Complete(new(pending, Failed())));
    }

    private Settlement Failed() => new(RequestState.Failed, _time.GetUtcNow(), Sample.Attempt(at: _time.GetUtcNow()));

    private async Task<List<RequestId>> ListedAsync() =>
        [
            .. (await _letters.ListAsync(new(), after: null, DeadLetterPage.LettersMax, default)).Letters.Select(
                letter => letter.Id
            ),
        ];

    private async Task RedrivenAsync(int count)
    {
        await Eventually.HoldsAsync(() => _letters.Bulk!.Redriven >= count, $"{count} are redriven");
        Assert.Equal(count, _letters.Bulk!.Redriven);
    }

    private Task EndedAsync() =>
        Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(Step);
                return !_letters.Bulk!.IsRunning;
            },
            "it has ended"
        );
}
