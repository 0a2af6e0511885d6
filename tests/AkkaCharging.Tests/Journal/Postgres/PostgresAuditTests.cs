using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;
using Npgsql;

namespace AkkaCharging.Tests.Journal.Postgres;

[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class PostgresAuditTests(SharedPostgres postgres) : JournalAuditContract, IAsyncLifetime
{
    private JournalSettings _settings = null!;

    public async Task InitializeAsync() => _settings = await postgres.NewSettingsAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    private protected override Task DamageAsync(string columns, RequestId id) =>
        SharedPostgres.QueryAsync(_settings, $"UPDATE charging_request SET {columns} WHERE id = '{id.Value}'");

    [Fact]
    public async Task DatabaseWithoutAJournal_IsRefused_AndStaysEmpty()
    {
        await Assert.ThrowsAsync<InvalidJournalException>(AuditAsync);

        Assert.Equal(
            0L,
            await SharedPostgres.QueryAsync(
                _settings,
                "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
            )
        );
    }

    [Fact]
    public async Task JournalOfAnOlderVersion_IsRefused_UntilAStartUpgradesIt()
    {
        await (await SharedPostgres.OpenAsync(_settings)).DisposeAsync();
        await SharedPostgres.MakeOlderAsync(_settings);

        var refused = await Assert.ThrowsAsync<InvalidJournalException>(AuditAsync);

        Assert.StartsWith(
            "The journal in PostgreSQL has schema version 4; this version of the service expects "
                + $"{PostgresSchema.Version}. A start of the service upgrades it.",
            refused.Message,
            StringComparison.Ordinal
        );
        await (await SharedPostgres.OpenAsync(_settings)).DisposeAsync();
        await using var audit = await AuditAsync();
        Assert.Empty(await ReadAsync(audit, new()));
    }

    [Fact]
    public async Task DatabaseThatIsAway_IsSaidSo_WithoutItsAddress()
    {
        var away = _settings with
        {
            ConnectionString = new NpgsqlConnectionStringBuilder(_settings.ConnectionString)
            {
                Port = 1,
            }.ConnectionString,
        };

        var unavailable = await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            PostgresAudit.OpenAsync(away, default)
        );

        Assert.Equal("The database cannot be reached.", unavailable.Message);
    }

    [Fact]
    public async Task Journal_IsReadWithoutAKey_AndOnlyAFingerprintNeedsTheRightOne()
    {
        var request = Sample.Request();
        await using (var journal = await SharedPostgres.OpenAsync(_settings))
            await journal.AcceptAsync(request, idempotency: null, default);
        await using var without = await PostgresAudit.OpenAsync(_settings with { EncryptionKeys = [] }, default);
        await using var wrong = await PostgresAudit.OpenAsync(
            _settings with
            {
                EncryptionKeys = [EncryptionKey.Generate()],
            },
            default
        );

        Assert.Equal(request.Id, Assert.Single(await ReadAsync(without, new())).Id);
        await Assert.ThrowsAsync<InvalidJournalException>(() => without.FingerprintAsync(request.Token));
        await Assert.ThrowsAsync<InvalidJournalException>(() => wrong.FingerprintAsync(request.Token));
    }

    private protected override async Task<IJournal> OpenAsync() => await SharedPostgres.OpenAsync(_settings);

    private protected override async Task<IJournalAudit> AuditAsync() =>
        await PostgresAudit.OpenAsync(_settings, default);
}
