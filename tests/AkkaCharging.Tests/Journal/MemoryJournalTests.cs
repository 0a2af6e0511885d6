using AkkaCharging.Journal;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class MemoryJournalTests : RequestJournalContract
{
    [Fact]
    public async Task Status_NamesTheKind() => Assert.Equal("memory", (await NewAsync()).Status.Kind);

    [Fact]
    public void States_AreSpelledAsTheContractHasThem() =>
        Assert.Equal(
            ["queued", "decided", "delivered", "failed", "expired"],
            Enum.GetValues<RequestState>().Select(state => state.Name())
        );

    [Fact]
    public async Task LargeDeadLettersOfOneKey_AreBoundedInBytes_AndLeaveThoseOfAnother()
    {
        const int Url = 2_000;
        var journal = await NewAsync(
            Defaults with
            {
                MaxSettledRows = MemoryJournal.LeastBytes / MemoryJournal.BytesPerRow,
            }
        );
        var quiet = await DeadAsync("quiet", "http://127.0.0.1:8080/hook");
        for (var i = 0; i < 8_000; i++)
            await DeadAsync("busy", "http://127.0.0.1:8080/" + new string('x', Url));

        var kept = await journal.CountDeadLettersAsync(new(), default);
        Assert.InRange(kept, 1_000, MemoryJournal.LeastBytes / (Url * sizeof(char)));
        Assert.NotNull(await journal.FindAsync(quiet.Id, default));
        Assert.Equal(8_001 - kept, journal.Status.EarlyDeletions.Failed);

        async Task<ChargingRequest> DeadAsync(string apiKey, string url)
        {
            var request = Sample.Request(url) with { ApiKeyName = apiKey };
            await journal.AcceptAsync(request, idempotency: null, default);
            await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
            return request;
        }
    }

    private protected override Task<IJournal> CreateAsync(JournalSettings settings) =>
        Task.FromResult<IJournal>(new MemoryJournal(settings, Time));
}
