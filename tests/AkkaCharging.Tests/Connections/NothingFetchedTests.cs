using System.Security.Cryptography.X509Certificates;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Http;
using AkkaCharging.Callbacks;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing.Tls;
using AkkaCharging.Tests.AddressPolicy;
using AkkaCharging.Tests.Authorization;
using AkkaCharging.Tests.Pipeline;
using Npgsql;

namespace AkkaCharging.Tests.Connections;

/// <summary>
/// Certificates that say where their issuer, their status and their revocation are to be had: the service never
/// connects there, whatever the outcome.
/// </summary>
[Trait("Category", "Component")]
public sealed class NothingFetchedTests : IAsyncLifetime
{
    // Longer than .NET waits for what it fetches, so that the outcome says what happened.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly FetchTrap _trap = new();
    private readonly LeadingCertificate _certificate;
    private readonly WebhookSigner _signer = new(new([], "", Required: false), TimeProvider.System);

    public NothingFetchedTests() => _certificate = new(_trap);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _signer.Dispose();
        _certificate.Dispose();
        await _trap.DisposeAsync();
    }

    [Fact]
    public async Task Receiver_WithoutItsIssuer_IsANetworkError()
    {
        await using var receiver = _certificate.Receiver(isComplete: false);
        using var client = Callbacks();

        Assert.Equal(CallbackOutcome.NetworkError, await AttemptAsync(client, receiver.Port));

        Assert.Equal(0, await _trap.ConnectionsAsync());
    }

    [Fact]
    public async Task Receiver_WithItsIntermediate_IsTaken_AndItsRevocationNotLookedUp()
    {
        await using var receiver = _certificate.Receiver(isComplete: true);
        using var client = Callbacks(_certificate.Authority);

        Assert.Equal(CallbackOutcome.Success, await AttemptAsync(client, receiver.Port));

        Assert.Equal(0, await _trap.ConnectionsAsync());
    }

    [Fact]
    public async Task IntermediateOfOneReceiver_IsNotRememberedForAnother()
    {
        await using var complete = _certificate.Receiver(isComplete: true);
        await using var bare = _certificate.Receiver(isComplete: false);
        using var client = Callbacks(_certificate.Authority);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => AttemptAsync(client, complete.Port)));
        var after = await AttemptAsync(client, bare.Port);

        Assert.All(outcomes, outcome => Assert.Equal(CallbackOutcome.Success, outcome));
        Assert.Equal(CallbackOutcome.NetworkError, after);
    }

    /// <summary>Each of these would hold a thread of the pool for as long as the trap is silent.</summary>
    [Fact]
    public async Task ManyReceiversWithoutTheirIssuer_EndAtOnce_AndDelayNobody()
    {
        await using var bare = _certificate.Receiver(isComplete: false);
        await using var complete = _certificate.Receiver(isComplete: true);
        using var client = Callbacks(_certificate.Authority);

        var hostile = Enumerable.Range(0, 120).Select(_ => AttemptAsync(client, bare.Port)).ToList();
        var healthy = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => AttemptAsync(client, complete.Port)));
        var outcomes = await Task.WhenAll(hostile);

        Assert.All(healthy, outcome => Assert.Equal(CallbackOutcome.Success, outcome));
        Assert.All(outcomes, outcome => Assert.Equal(CallbackOutcome.NetworkError, outcome));
        Assert.Equal(0, await _trap.ConnectionsAsync());
    }

    [Fact]
    public async Task Authorizer_WithoutItsIssuer_IsUnavailable()
    {
        await using var server = _certificate.Receiver(isComplete: false);
        using var authorizer = new HttpAuthorizer(
            new HttpAuthorizerSettings(new Uri($"https://127.0.0.1:{server.Port}/"), "", Patience),
            TimeProvider.System
        );

        var failure = await Assert.ThrowsAsync<AuthorizerUnavailableException>(() =>
            authorizer.AuthorizeAsync(Queries.Some(), default).AsTask()
        );

        Assert.Contains("PartialChain", failure.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await _trap.ConnectionsAsync());
    }

    [Theory]
    [InlineData("SSL Mode=VerifyFull")]
    [InlineData("SSL Mode=VerifyCA")]
    [InlineData("SSL Mode=VerifyFull;Root Certificate=")]
    [InlineData("SSL Mode=Require")]
    public async Task Database_WithoutItsIssuer_IsNotLookedUp(string mode)
    {
        await using var server = _certificate.Receiver(isComplete: false, isPostgres: true);
        var root = Path.GetTempFileName();
        File.WriteAllText(root, _certificate.Authority.ExportCertificatePem());
        await using var connections = new PostgresConnections(
            $"Host=127.0.0.1;Port={server.Port};Username=u;Password=p;{(mode.EndsWith('=') ? mode + root : mode)}"
        );

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => connections.OpenOwnAsync(CancellationToken.None));
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => connections.Readers.OpenConnectionAsync().AsTask());
        File.Delete(root);

        Assert.True(server.Connections >= 2);
        Assert.Equal(0, await _trap.ConnectionsAsync());
    }

    [Fact]
    public void DatabaseWhoseRevocationIsToBeLookedUp_IsRefused() =>
        Assert.Contains(
            "Check Certificate Revocation",
            Assert
                .Throws<InvalidJournalException>(() =>
                    new PostgresConnections("Host=db;SSL Mode=VerifyFull;Check Certificate Revocation=true")
                )
                .Message,
            StringComparison.Ordinal
        );

    private CallbackClient Callbacks(X509Certificate2? authority = null)
    {
        var connector = new VettedConnector(
            Policies.Allowing("127.0.0.1/32"),
            new ScriptedResolver(),
            TimeProvider.System,
            Patience
        );
        var handler = CallbackHttpHandler.Create(connector, Patience);
        if (authority is not null)
            handler.Trust(authority);
        return new CallbackClient(handler, connector, _signer, Patience, TimeProvider.System);
    }

    private static async Task<CallbackOutcome> AttemptAsync(CallbackClient client, int port) =>
        (
            await client.AttemptAsync(
                Sample.Request($"https://127.0.0.1:{port}/hook"),
                Sample.Decision(),
                CancellationToken.None
            )
        )
            .Attempt
            .Outcome;
}
