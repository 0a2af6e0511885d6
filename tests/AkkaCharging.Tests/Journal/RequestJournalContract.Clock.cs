using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <content>A wall clock that is set while the journal is open.</content>
public abstract partial class RequestJournalContract
{
    [Fact]
    public async Task ClockThatJumpsAheadByDays_ForgetsNothing_AndWhatIsOldAllTheSame()
    {
        var journal = await NewAsync(Defaults with { RetentionHours = 24 });
        var before = await FailAsync(journal);
        Time.Advance(TimeSpan.FromHours(1));

        Time.Step = TimeSpan.FromDays(3);
        var during = await FailAsync(journal);
        Time.Advance(TimeSpan.FromSeconds(75));
        Assert.Equal([during.Id, before.Id], await LettersAsync(journal));
        Time.Step = TimeSpan.Zero;
        Assert.Equal([during.Id, before.Id], await LettersAsync(journal));
        Assert.NotNull(await journal.FindAsync(before.Id, default));

        Time.Advance(TimeSpan.FromHours(23) - TimeSpan.FromSeconds(75));
        Assert.Equal([during.Id], await LettersAsync(journal));
        Time.Advance(TimeSpan.FromDays(5)); // a row may be kept for longer by what the clock was ahead, never for less
        Assert.Empty(await LettersAsync(journal));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(-72)]
    public async Task ClockSetBack_KeepsWhatIsSettledThenForItsTime(int hours)
    {
        var journal = await NewAsync(Defaults with { RetentionHours = 24 });
        await FailAsync(journal);
        Time.Advance(TimeSpan.FromHours(30));

        Time.Step = TimeSpan.FromHours(hours);
        var during = await FailAsync(journal);
        Time.Advance(TimeSpan.FromSeconds(75));
        Time.Step = TimeSpan.Zero;
        Assert.Contains(during.Id, await LettersAsync(journal));

        Time.Advance(TimeSpan.FromHours(23));
        Assert.Contains(during.Id, await LettersAsync(journal));
        Time.Advance(TimeSpan.FromHours(1) + TimeSpan.FromMinutes(1));
        Assert.Empty(await LettersAsync(journal));
    }

    [Fact]
    public async Task ClockThatJumpsAheadByDays_ForgetsNoIdempotencyKey()
    {
        var journal = await NewAsync();
        var first = Sample.Request(acceptedAt: Time.GetUtcNow());
        await journal.AcceptAsync(first, new("k", "b"), default);

        Time.Step = TimeSpan.FromDays(2);
        var again = await journal.AcceptAsync(Sample.Request(acceptedAt: Time.GetUtcNow()), new("k", "b"), default);
        Assert.Equal(new AcceptResult(AcceptOutcome.Replayed, first.Id), again);
        Assert.Equal(
            new AcceptResult(AcceptOutcome.Replayed, first.Id),
            await journal.FindAcceptedAsync(new("k", "b"), default)
        );
        Time.Step = TimeSpan.Zero;
        Time.Advance(TimeSpan.FromHours(24));

        Assert.Null(await journal.FindAcceptedAsync(new("k", "b"), default));
    }

    private async Task<ChargingRequest> FailAsync(IJournal journal)
    {
        var request = await AcceptAsync(journal);
        await journal.SettleAsync(request.Id, new(RequestState.Failed, Time.GetUtcNow(), Sample.Attempt()), default);
        return request;
    }

    private static async Task<IEnumerable<RequestId>> LettersAsync(IJournal journal) =>
        (await journal.ListDeadLettersAsync(new(), after: null, most: 10, default)).Letters.Select(letter => letter.Id);
}
