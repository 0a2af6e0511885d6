using AkkaCharging.Journal;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Journal.Postgres;

[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class PostgresJournalContractTests(SharedPostgres postgres) : RequestJournalContract
{
    private protected override int RaceRounds => 5;

    private protected override async Task<IJournal> CreateAsync(JournalSettings settings)
    {
        var own = await postgres.NewSettingsAsync();
        var journal = await SharedPostgres.OpenAsync(
            settings with
            {
                Kind = own.Kind,
                ConnectionString = own.ConnectionString,
                EncryptionKeys = own.EncryptionKeys,
            },
            Time
        );

        // On a busy machine the first attempt to connect may time out; the journal then tries again.
        await Eventually.HoldsAsync(() => journal.Status.IsAvailable, "the journal is open");
        return journal;
    }
}
