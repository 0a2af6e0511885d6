using AkkaCharging.Journal.Memory;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>What the settled requests of a million journeys take, measured while nothing else runs.</summary>
[CollectionDefinition(nameof(MemoryJournalSizeTests), DisableParallelization = true)]
[Collection(nameof(MemoryJournalSizeTests))]
[Trait("Category", "Unit")]
public sealed class MemoryJournalSizeTests
{
    [Fact]
    public async Task SettledRequests_TakeAQuarterOfAKilobyteEach()
    {
        const int Rows = 100_000;
        await using var journal = new MemoryJournal(
            SettingsLoader.Defaults.Journal with
            {
                MaxSettledRows = Rows,
            },
            TimeProvider.System
        );
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < Rows; i++)
        {
            var request = Sample.Request();
            await journal.AcceptAsync(request, idempotency: null, default);
            await journal.DecideAsync(request.Id, Sample.Decision(), default);
            await journal.SettleAsync(request.Id, new(RequestState.Delivered, Sample.Now, Sample.Attempt()), default);
        }

        // 48 bytes of each are the index; it is at most half full after it grew.
        Assert.InRange((GC.GetTotalMemory(forceFullCollection: true) - before) / Rows, 100, 320);
        Assert.Equal(default, journal.Status.EarlyDeletions);
    }
}
