using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Connections;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using AkkaCharging.Tests.AddressPolicy;
using AkkaCharging.Tests.Connections;
using AkkaCharging.Tests.Pipeline;
using Xunit.Abstractions;

namespace AkkaCharging.Tests.Callbacks;

/// <summary>
/// Each hostile receiver on a real socket: the attempt comes to the right outcome, in time, takes little and leaves
/// nothing open.
/// </summary>
[Trait("Category", "Component")]
public sealed class HostileReceiverTests(ITestOutputHelper output) : IDisposable
{
    // Where a time-out is the outcome; elsewhere an attempt has Slack.
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(1.5);

    // For the end of an attempt on a busy machine, and for the handler's own 2 s to drain a body.
    private static readonly TimeSpan Slack = Eventually.Patience;

    // What the buffers of two sockets hold; 100 MB is far beyond.
    private const int WrittenMax = 20_000_000;

    private readonly WebhookSigner _signer = new(new([], "", Required: false), TimeProvider.System);

    public void Dispose() => _signer.Dispose();

    public static TheoryData<string> Names() => [.. HostileReceivers.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Attempt_HasItsOutcome_InBoundedTimeAndSpace(string name)
    {
        var hostile = HostileReceivers.All[name];
        await using var receiver = hostile.Start();
        using var client = Client(TimeoutFor(hostile.Outcome));
        var request = Sample.Request(receiver.Url);
        var startedAt = Stopwatch.GetTimestamp();

        var result = await client
            .AttemptAsync(request, Sample.Decision(), CancellationToken.None)
            .WaitAsync(AttemptTimeout + Slack);

        var duration = Stopwatch.GetElapsedTime(startedAt);
        Assert.Equal(hostile.Outcome, result.Attempt.Outcome);
        Assert.InRange(duration, TimeSpan.Zero, AttemptTimeout + Slack);
        Assert.Equal(1, receiver.Connections);
        if (
            !name.StartsWith("answers before it reads", StringComparison.Ordinal)
            && !name.StartsWith("never reads", StringComparison.Ordinal)
        )
            await Eventually.HoldsAsync(() => receiver.OpenConnections == 0, "the connection is given up");
        output.WriteLine(
            $"{name}: {result.Attempt.Outcome} after {duration.TotalMilliseconds:F0} ms, {receiver.Written} "
                + "bytes written"
        );
        Assert.InRange(receiver.Written, 0, WrittenMax);
    }

    public static TheoryData<string, bool> Certificates() =>
        new()
        {
            { nameof(TlsReceiver.Good), true },
            { nameof(TlsReceiver.Expired), false },
            { nameof(TlsReceiver.ForAnotherAddress), false },
            { nameof(TlsReceiver.SelfSigned), false },
        };

    /// <summary>
    /// All but the self-signed one are issued by an authority that is trusted here, so that each has one fault alone.
    /// </summary>
    [Theory]
    [MemberData(nameof(Certificates))]
    public async Task Certificate_MustBeValid_Trusted_AndForTheHost(string name, bool isTaken)
    {
        using var authority = new TlsReceiver();
        using var certificate = name switch
        {
            nameof(TlsReceiver.Good) => authority.Good(),
            nameof(TlsReceiver.Expired) => authority.Expired(),
            nameof(TlsReceiver.ForAnotherAddress) => authority.ForAnotherAddress(),
            _ => authority.SelfSigned(),
        };
        await using var receiver = TlsReceiver.Start(certificate);
        using var client = Client(Slack, authority.Authority);

        var result = await client
            .AttemptAsync(
                Sample.Request($"https://127.0.0.1:{receiver.Port}/hook"),
                Sample.Decision(),
                CancellationToken.None
            )
            .WaitAsync(AttemptTimeout + Slack);

        Assert.Equal(
            isTaken ? (CallbackOutcome.Success, 204) : (CallbackOutcome.NetworkError, (int?)null),
            (result.Attempt.Outcome, result.Attempt.HttpStatus)
        );
        Assert.Equal(isTaken ? null : AttemptCause.Tls, result.Attempt.Cause);
        Assert.False(result.IsFinal && !isTaken);
        await Eventually.HoldsAsync(() => receiver.OpenConnections == 0, "the connection is given up");
    }

    public static TheoryData<string, object> NoTls() =>
        new()
        {
            { "accepts, never answers", CallbackOutcome.Timeout },
            { "closes at once", CallbackOutcome.NetworkError },
            { "resets at once", CallbackOutcome.NetworkError },
            { "answers before it reads", CallbackOutcome.NetworkError },
            { "zeros without end", CallbackOutcome.NetworkError },
        };

    /// <summary>
    /// A receiver that resets the connection before its address was read: the exception that .NET throws then is not
    /// one of its HTTP handler.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ConnectionThatIsResetAtOnce_IsANetworkError(bool isAskedInTime)
    {
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        using var client = Client(Slack, dial: DialAsync);

        var result = await client.AttemptAsync(
            Sample.Request($"http://127.0.0.1:{port}/"),
            Sample.Decision(),
            CancellationToken.None
        );

        Assert.Equal(CallbackOutcome.NetworkError, result.Attempt.Outcome);
        Assert.Equal(AttemptCause.ConnectionReset, result.Attempt.Cause);

        async ValueTask<Stream> DialAsync(IPEndPoint endpoint, CancellationToken cancellationToken)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(endpoint, cancellationToken);
            using (var accepted = await listener.AcceptAsync(cancellationToken))
                accepted.LingerState = new LingerOption(enable: true, seconds: 0);
            Assert.True(socket.Poll(TimeSpan.FromSeconds(10), SelectMode.SelectRead)); // the reset is here
            return isAskedInTime ? ConnectedStream.Of(socket) : new NetworkStream(socket, ownsSocket: true);
        }
    }

    [Theory]
    [MemberData(nameof(NoTls))]
    public async Task ReceiverThatSpeaksNoTls_HasItsOutcome(string name, object outcome)
    {
        await using var receiver = new RawReceiver(HostileReceivers.All[name].Answer, readsFirst: false);
        using var client = Client(TimeoutFor((CallbackOutcome)outcome));

        var result = await client
            .AttemptAsync(
                Sample.Request($"https://127.0.0.1:{receiver.Port}/hook"),
                Sample.Decision(),
                CancellationToken.None
            )
            .WaitAsync(AttemptTimeout + Slack);

        Assert.Equal((CallbackOutcome)outcome, result.Attempt.Outcome);
        await Eventually.HoldsAsync(() => receiver.OpenConnections == 0, "the connection is given up");
    }

    private static TimeSpan TimeoutFor(CallbackOutcome outcome) =>
        outcome == CallbackOutcome.Timeout ? AttemptTimeout : Slack;

    private CallbackClient Client(
        TimeSpan attemptTimeout,
        X509Certificate2? authority = null,
        Func<IPEndPoint, CancellationToken, ValueTask<Stream>>? dial = null
    )
    {
        var (policy, resolver) = (Policies.Allowing("127.0.0.1/32"), new ScriptedResolver());
        var connector = dial is null
            ? new VettedConnector(policy, resolver, TimeProvider.System, Slack)
            : new VettedConnector(policy, resolver, TimeProvider.System, Slack, dial);
        var handler = ResendingHandler.Create(
            connector,
            Slack,
            handler =>
            {
                if (authority is not null)
                    handler.Trust(authority);
            }
        );
        return new CallbackClient(handler, connector, _signer, attemptTimeout, TimeProvider.System);
    }
}
