using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Networks;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.AddressPolicy;

[Trait("Category", "Component")]
public sealed class VettedConnectorTests
{
    private const string Public1 = "93.184.216.34";
    private const string Public2 = "93.184.216.35";

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);

    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData("2606:4700::1")]
    [InlineData("[2606:4700::1]")]
    [InlineData("8.8.8.8")]
    public async Task Literal_IsDialled_WithoutALookUp(string host)
    {
        var resolver = new ScriptedResolver([Public1]);
        var dialer = new RecordingDialer();

        await Assert.ThrowsAsync<SocketException>(() => ConnectAsync(resolver, dialer.DialAsync, host));

        Assert.Equal(new IPEndPoint(IPAddress.Parse(host), 443), Assert.Single(dialer.Dialled));
        Assert.Empty(resolver.Asked);
    }

    [Theory]
    [InlineData("127.0.0.1", 443, RefusalReason.Loopback)]
    [InlineData("::1", 443, RefusalReason.Loopback)]
    [InlineData("[::ffff:8.8.8.8]", 443, RefusalReason.EmbedsIPv4)]
    [InlineData("fe80::1%2", 443, RefusalReason.HostSyntax)]
    [InlineData("2130706433", 443, RefusalReason.NumericHost)]
    [InlineData("localhost", 443, RefusalReason.SingleLabel)]
    [InlineData("a.localhost", 443, RefusalReason.SpecialUseName)]
    [InlineData("hooks.example.com", 22, RefusalReason.Port)]
    public async Task HostThatThePolicyRefuses_IsNeitherLookedUpNorDialled(string host, int port, object reason)
    {
        var resolver = new ScriptedResolver([Public1]);
        var dialer = new RecordingDialer();

        var refused = await Assert.ThrowsAsync<AddressRefusedException>(() =>
            ConnectAsync(resolver, dialer.DialAsync, host, port)
        );

        Assert.Equal((RefusalReason)reason, refused.Reason);
        Assert.Empty(resolver.Asked);
        Assert.Empty(dialer.Dialled);
    }

    [Fact]
    public async Task OneForbiddenAnswer_RefusesThemAll_AndTheMessageKeepsIt()
    {
        var dialer = new RecordingDialer();

        var refused = await Assert.ThrowsAsync<AddressRefusedException>(() =>
            ConnectAsync(new([Public1, "10.1.2.3"]), dialer.DialAsync)
        );

        Assert.Equal(RefusalReason.Private, refused.Reason);
        Assert.Equal("The address is not allowed.", refused.Message);
        Assert.Empty(dialer.Dialled);
    }

    [Fact]
    public async Task NoAnswer_IsAFailureToTryAgain()
    {
        var failure = await Assert.ThrowsAsync<NameResolutionException>(() =>
            ConnectAsync(
                new([
                    [],
                ]),
                new RecordingDialer().DialAsync
            )
        );

        Assert.Equal(NameResolutionFailure.NotFound, failure.Kind);
    }

    [Fact]
    public async Task Rebinding_MeetsTheVetting_OnTheNextConnection_AndAddressesAreNeverLookedUpTwice()
    {
        var resolver = new ScriptedResolver([Public1], ["169.254.169.254"]);
        var dialer = new RecordingDialer();

        await Assert.ThrowsAsync<SocketException>(() => ConnectAsync(resolver, dialer.DialAsync));
        Assert.Single(resolver.Asked);
        await Assert.ThrowsAsync<AddressRefusedException>(() => ConnectAsync(resolver, dialer.DialAsync));

        Assert.Equal(IPAddress.Parse(Public1), Assert.Single(dialer.Dialled).Address);
    }

    [Fact]
    public async Task AddressThatRefuses_IsFollowedByTheNext()
    {
        using var stream = new MemoryStream();
        var dialled = new List<string>();

        var connected = await ConnectAsync(
            new([Public1, Public2]),
            (endpoint, _) =>
            {
                dialled.Add($"{endpoint.Address}");
                return dialled.Count == 1
                    ? throw new SocketException((int)SocketError.NetworkUnreachable)
                    : ValueTask.FromResult<Stream>(stream);
            }
        );

        Assert.Same(stream, connected);
        Assert.Equal([Public1, Public2], dialled);
    }

    [Theory]
    [InlineData(1, 3_000)]
    [InlineData(2, 1_500)]
    [InlineData(3, 1_000)]
    [InlineData(4, 1_000)] // the last one has no time left
    public async Task SilentAddresses_ShareTheTime_AndThenTimeOut(int addresses, int shareMillis)
    {
        var attempts = new ConcurrentQueue<CancellationToken>();
        using var dialled = new SemaphoreSlim(0);
        var connecting = ConnectAsync(
            new([.. Enumerable.Range(34, addresses).Select(last => $"93.184.216.{last}")]),
            async (_, token) =>
            {
                attempts.Enqueue(token);
                dialled.Release();
                await Task.Delay(System.Threading.Timeout.InfiniteTimeSpan, token);
                return Stream.Null;
            }
        );

        for (var millis = 0; millis < Timeout.TotalMilliseconds; millis += shareMillis)
        {
            Assert.True(await dialled.WaitAsync(Eventually.Patience));
            var attempt = attempts.Last();
            _time.Advance(TimeSpan.FromMilliseconds(shareMillis - 1));
            Assert.False(attempt.IsCancellationRequested);
            _time.Advance(TimeSpan.FromMilliseconds(1));
            Assert.True(attempt.IsCancellationRequested);
        }

        await Assert.ThrowsAsync<TimeoutException>(() => connecting);
        Assert.Equal(0, dialled.CurrentCount);
    }

    [Fact]
    public async Task CancelledCaller_EndsTheAttempt()
    {
        using var cancelled = new CancellationTokenSource();
        var dialled = new TaskCompletionSource();
        var connecting = ConnectAsync(
            new([Public1, Public2]),
            async (_, token) =>
            {
                dialled.SetResult();
                await Task.Delay(System.Threading.Timeout.InfiniteTimeSpan, token);
                return Stream.Null;
            },
            cancellationToken: cancelled.Token
        );
        await dialled.Task;

        await cancelled.CancelAsync();

        var ended = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
        Assert.Equal(cancelled.Token, ended.CancellationToken);
    }

    [Fact]
    public async Task RealSocket_Connects_AndAClosedPortIsASocketException()
    {
        await using var receiver = new LoopbackReceiver(LoopbackReceiver.Ok);
        var connector = new VettedConnector(
            Policies.Allowing("127.0.0.1/32"),
            new ScriptedResolver(["127.0.0.1"]),
            TimeProvider.System,
            Eventually.Patience
        );

        await using (
            var stream = await connector.ConnectAsync(
                new DnsEndPoint("hooks.example.com", receiver.Endpoint.Port),
                CancellationToken.None
            )
        )
            Assert.True(stream.CanWrite);

        using var deaf = new Socket(SocketType.Stream, ProtocolType.Tcp);
        deaf.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // holds the port, but never listens
        await Assert.ThrowsAsync<SocketException>(async () =>
            await connector.ConnectAsync(
                new DnsEndPoint("127.0.0.1", ((IPEndPoint)deaf.LocalEndPoint!).Port),
                CancellationToken.None
            )
        );
    }

    [Theory]
    [InlineData(SocketError.TooManyOpenSockets, "127.0.0.1", LocalResource.Files)]
    [InlineData(SocketError.NoBufferSpaceAvailable, "127.0.0.1", LocalResource.Memory)]
    [InlineData(SocketError.SocketError, "127.0.0.1", LocalResource.Memory)]
    [InlineData(SocketError.AddressNotAvailable, "127.0.0.1", LocalResource.Ports)]
    [InlineData(SocketError.AddressNotAvailable, "255.255.255.255", null)] // no address to reach it from
    [InlineData(SocketError.ConnectionRefused, "127.0.0.1", null)]
    [InlineData(SocketError.NetworkUnreachable, "127.0.0.1", null)]
    public void SocketError_TellsWhatThisProcessLacks(SocketError error, string address, object? lacking) =>
        Assert.Equal(
            (LocalResource?)lacking,
            LocalResources.FindShortage(new SocketException((int)error), new IPEndPoint(IPAddress.Parse(address), 80))
        );

    [Fact]
    public async Task LackOfFiles_IsSaid_AndNoOtherAddressIsTried()
    {
        var dialled = 0;

        var shortage = await Assert.ThrowsAsync<LocalShortageException>(() =>
            ConnectAsync(
                new([Public1, Public2]),
                (_, _) =>
                {
                    dialled++;
                    throw new SocketException((int)SocketError.TooManyOpenSockets);
                }
            )
        );

        Assert.Equal((LocalResource.Files, 1), (shortage.Resource, dialled));
    }

    private Task<Stream> ConnectAsync(
        ScriptedResolver resolver,
        Func<IPEndPoint, CancellationToken, ValueTask<Stream>> dial,
        string host = "hooks.example.com",
        int port = 443,
        CancellationToken cancellationToken = default
    ) =>
        new VettedConnector(Policies.Default, resolver, _time, Timeout, dial)
            .ConnectAsync(new DnsEndPoint(host, port), cancellationToken)
            .AsTask();
}
