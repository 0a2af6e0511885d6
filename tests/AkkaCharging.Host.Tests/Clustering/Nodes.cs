using System.Security.Cryptography;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace AkkaCharging.Host.Tests.Clustering;

/// <summary>A PostgreSQL for the nodes of a test class, and what to start them with.</summary>
public sealed class Nodes : IAsyncLifetime
{
    public const int Lanes = 4;
    private readonly PostgresFixture _postgres = new();
    private readonly string _key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    /// <summary>Where PostgreSQL listens.</summary>
    public int PostgresPort => new NpgsqlConnectionStringBuilder(_postgres.ConnectionString).Port;

    public Task InitializeAsync() => _postgres.StartAsync();

    public Task DisposeAsync() => _postgres.DisposeAsync().AsTask();

    /// <summary>A new journal.</summary>
    /// <param name="port">Port of a proxy in front of PostgreSQL; null for none.</param>
    /// <returns>Its connection string.</returns>
    public async Task<string> NewJournalAsync(int? port = null)
    {
        var journal = new NpgsqlConnectionStringBuilder(await _postgres.NewSchemaAsync());
        journal.Port = port ?? journal.Port;
        return journal.ConnectionString;
    }

    /// <summary>Starts a node and does not wait until it is a member.</summary>
    /// <param name="seed">Port of the node that founds the cluster; of this one when it is the same.</param>
    internal Task<RunningService> LaunchAsync(
        string journal,
        int port,
        int seed,
        Func<ChargingSettings, ChargingSettings>? change = null,
        SettingsSources? sources = null,
        Action<IServiceCollection>? customize = null
    ) =>
        RunningService.StartAsync(
            settings =>
            {
                settings = settings with
                {
                    Journal = settings.Journal with
                    {
                        Kind = JournalKind.Postgres,
                        ConnectionString = journal,
                        EncryptionKeys = [_key],
                    },
                    Cluster = settings.Cluster with
                    {
                        Enabled = true,
                        Port = port,
                        SeedNodes = [$"127.0.0.1:{seed}"],
                        Lanes = Lanes,
                    },
                };
                return change is null ? settings : change(settings);
            },
            customize,
            sources
        );

    /// <summary>Starts a cluster of one node, and waits until it has all lanes.</summary>
    internal async Task<(RunningService Node, int Port)> FoundAsync(
        string? journal = null,
        Func<ChargingSettings, ChargingSettings>? change = null,
        SettingsSources? sources = null,
        int? port = null
    )
    {
        var own = port ?? FreePort.Next();
        var node = await LaunchAsync(journal ?? await NewJournalAsync(), own, own, change, sources);
        await HasLanesAsync(node, Lanes);
        return (node, own);
    }

    /// <summary>Waits until a node holds the given number of lanes.</summary>
    internal static Task HasLanesAsync(RunningService node, int count) =>
        Eventually.HoldsAsync(
            async () =>
                (await node.GetAsync("/metrics")).GetProperty("cluster").GetProperty("lanes").GetInt32() == count,
            $"{count} lanes are here",
            TimeSpan.FromSeconds(60)
        );
}

[CollectionDefinition(Name)]
public sealed class NodesDefinition : ICollectionFixture<Nodes>
{
    public const string Name = "nodes";
}
