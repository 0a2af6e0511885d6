using AkkaCharging.Journal;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Journal.Postgres;

[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class PostgresJournalContractTests(SharedPostgres postgres) : RequestJournalContract
{
    private protected override int RaceRounds => 5;

    protected override async Task<IRequestJournal> CreateAsync(JournalSettings settings)
    {
        var own = await postgres.NewSettingsAsync();
        return await SharedPostgres.OpenAsync(
            settings with { Kind = own.Kind, ConnectionString = own.ConnectionString, EncryptionKeys = own.EncryptionKeys }, Time);
    }
}
