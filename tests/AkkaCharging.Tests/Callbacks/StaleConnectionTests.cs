using System.Security.Cryptography.X509Certificates;
using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.AddressPolicy;
using AkkaCharging.Tests.Pipeline;
using Xunit.Abstractions;

namespace AkkaCharging.Tests.Callbacks;

/// <summary>
/// Receivers on real sockets that end kept connections without announcing it: which is neither a failure nor an
/// attempt.
/// </summary>
[Trait("Category", "Component")]
public sealed class StaleConnectionTests(ITestOutputHelper output)
    : Akka.TestKit.Xunit2.TestKit("akka.loglevel = ERROR")
{
    private static readonly TimeSpan Patience = Eventually.Patience;
    private readonly WebhookSigner _signer = new(new([], "", Required: false), TimeProvider.System);

    [Theory]
    [InlineData(Ending.Fin, false)]
    [InlineData(Ending.Reset, false)]
    [InlineData(Ending.Fin, true)]
    [InlineData(Ending.Reset, true)]
    public async Task KeptConnectionThatEndsBeforeAnAnswer_IsReplacedAtOnce(object ending, bool isTls)
    {
        using var authority = new TlsReceiver();
        using var certificate = isTls ? authority.Good() : null;
        await using var receiver = new ClosingReceiver((Ending)ending, (answered, _) => answered == 0)
        {
            Certificate = certificate,
        }.Start();
        using var client = Client(authority.Authority);

        var first = await AttemptAsync(client, Sample.Request(receiver.Url));
        var second = Sample.Request(receiver.Url);
        var result = await AttemptAsync(client, second);

        Assert.Equal(
            (CallbackOutcome.Success, CallbackOutcome.Success),
            (first.Attempt.Outcome, result.Attempt.Outcome)
        );
        Assert.Equal([second.Id.ToString(), second.Id.ToString()], receiver.WebhookIds.Skip(1));
        Assert.Equal(2, receiver.Connections);
    }

    [Theory]
    [InlineData(Ending.Fin)]
    [InlineData(Ending.Reset)]
    public async Task FreshConnectionThatEndsBeforeAnAnswer_IsAFailedAttempt(object ending)
    {
        await using var receiver = new ClosingReceiver((Ending)ending, (_, _) => false).Start();
        using var client = Client();

        var result = await AttemptAsync(client, Sample.Request(receiver.Url));

        Assert.Equal((CallbackOutcome.NetworkError, false), (result.Attempt.Outcome, result.IsFinal));
        Assert.Equal((1, 1), (receiver.Connections, receiver.WebhookIds.Count));
    }

    [Theory]
    [InlineData(Ending.Fin)]
    [InlineData(Ending.Reset)]
    public async Task KeptConnectionThatEndsAfterAByteOfAnAnswer_IsAFailedAttempt(object ending)
    {
        await using var receiver = new ClosingReceiver((Ending)ending, (answered, _) => answered == 0)
        {
            LastWords = "H",
        }.Start();
        using var client = Client();

        await AttemptAsync(client, Sample.Request(receiver.Url));
        var result = await AttemptAsync(client, Sample.Request(receiver.Url));

        Assert.Equal((CallbackOutcome.NetworkError, false), (result.Attempt.Outcome, result.IsFinal));
        Assert.Equal((1, 2), (receiver.Connections, receiver.WebhookIds.Count));
    }

    /// <summary>
    /// It answers once and never again: the request is sent on the kept connection, once more on a fresh one, and no
    /// third time.
    /// </summary>
    [Theory]
    [InlineData(Ending.Fin)]
    [InlineData(Ending.Reset)]
    public async Task ReceiverThatEndsEveryConnection_IsAskedTwiceAtMost(object ending)
    {
        await using var receiver = new ClosingReceiver(
            (Ending)ending,
            (answered, before) => answered + before == 0
        ).Start();
        using var client = Client();

        await AttemptAsync(client, Sample.Request(receiver.Url));
        var result = await AttemptAsync(client, Sample.Request(receiver.Url));

        Assert.Equal((CallbackOutcome.NetworkError, false), (result.Attempt.Outcome, result.IsFinal));
        Assert.Equal((2, 3), (receiver.Connections, receiver.WebhookIds.Count));
    }

    /// <summary>Twenty kept connections at a time, all of which end at the next request.</summary>
    [Fact]
    public async Task BurstOnStaleConnectionsAlone_SucceedsAtTheFirstAttempt()
    {
        const int Burst = 20;
        await using var receiver = new ClosingReceiver(Ending.Fin, (answered, _) => answered == 0).Start();
        using var client = Client();

        for (var i = 0; i < 10; i++)
        {
            var results = await Task.WhenAll(
                Enumerable.Range(0, Burst).Select(_ => AttemptAsync(client, Sample.Request(receiver.Url)))
            );

            Assert.All(results, result => Assert.Equal(CallbackOutcome.Success, result.Attempt.Outcome));
        }
    }

    /// <summary>
    /// 400 callbacks through the stage as fast as it goes, to a receiver that ends a connection so long after each
    /// answer.
    /// </summary>
    [Theory]
    [InlineData(Ending.Fin, 1, false)]
    [InlineData(Ending.Fin, 20, false)]
    [InlineData(Ending.Fin, 200, false)]
    [InlineData(Ending.Reset, 1, false)]
    [InlineData(Ending.Reset, 20, false)]
    [InlineData(Ending.Reset, 200, false)]
    [InlineData(Ending.Fin, 5, true)]
    [InlineData(Ending.Reset, 5, true)]
    public async Task EachOf400_IsDeliveredAtItsFirstAttempt(object ending, int keptForMillis, bool isTls)
    {
        using var authority = new TlsReceiver();
        using var certificate = isTls ? authority.Good() : null;
        var served = 0;
        var observer = new RecordingObserver();

        // Every third request that is not a connection's first meets the end of it, however fast the machine is; the
        // rest race the receiver's clock.
        await using var receiver = new ClosingReceiver(
            (Ending)ending,
            (answered, _) => answered == 0 || Interlocked.Increment(ref served) % 3 > 0
        )
        {
            KeptFor = TimeSpan.FromMilliseconds(keptForMillis),
            Certificate = certificate,
            HasItsAnswer = id => observer.AttemptedEvents.Any(attempted => attempted.Id.ToString() == id),
        }.Start();
        using var client = Client(authority.Authority);
        var settings = SettingsLoader.Defaults.Callback;
        await using var journal = new MemoryJournal(SettingsLoader.Defaults.Journal, TimeProvider.System);
        using var receivers = new ReceiverRegister(settings, SettingsLoader.Defaults.Queue, TimeProvider.System);
        using var resources = new ResourceGate(TimeProvider.System);
        var parts = new CallbackParts(client, receivers, journal, observer, resources, TimeProvider.System);
        var pending = Enumerable
            .Range(0, 400)
            .Select(_ => Sample.Decided(receiver.Url, TimeProvider.System.GetUtcNow(), receivers: receivers))
            .ToList();
        foreach (var one in pending)
            await journal.AcceptAsync(one.Request, idempotency: null, CancellationToken.None);

        var receipts = await Source
            .From(pending)
            .Via(CallbackStage.Create(settings, parts, Sys.StartedMaterializer(), default))
            .RunWith(Sink.Seq<CallbackReceipt>(), Sys.Materializer())
            .WaitAsync(Patience);

        output.WriteLine($"{receiver.Connections} connections, {receiver.WebhookIds.Count - 400} requests read twice");
        Assert.Equal(400, receipts.Count);
        Assert.All(receipts, receipt => Assert.Equal(RequestState.Delivered, receipt.Settlement!.State));
        Assert.All(
            observer.AttemptedEvents,
            attempted => Assert.Equal(CallbackOutcome.Success, attempted.Attempt.Outcome)
        );
        Assert.Equal(400, observer.AttemptedEvents.Count);
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        _signer.Dispose();
    }

    private static Task<AttemptResult> AttemptAsync(CallbackClient client, ChargingRequest request) =>
        client.AttemptAsync(request, Sample.Decision(), CancellationToken.None).WaitAsync(Patience);

    private CallbackClient Client(X509Certificate2? authority = null)
    {
        var connector = new VettedConnector(
            Policies.Allowing("127.0.0.1/32"),
            new ScriptedResolver(),
            TimeProvider.System,
            Patience
        );
        var handler = ResendingHandler.Create(
            connector,
            Patience,
            handler =>
            {
                if (authority is not null)
                    handler.SslOptions.CertificateChainPolicy = new()
                    {
                        TrustMode = X509ChainTrustMode.CustomRootTrust,
                        CustomTrustStore = { authority },
                        RevocationMode = X509RevocationMode.NoCheck,
                    };
            }
        );
        return new CallbackClient(handler, connector, _signer, Patience, TimeProvider.System);
    }
}
