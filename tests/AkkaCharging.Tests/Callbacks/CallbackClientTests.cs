using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.AddressPolicy;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Callbacks;

[Trait("Category", "Component")]
public sealed class CallbackClientTests : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan Patience = Eventually.Patience;
    private static readonly byte[] FirstKey = [.. Enumerable.Range(1, 24).Select(i => (byte)i)];
    private static readonly byte[] SecondKey = [.. Enumerable.Range(100, 64).Select(i => (byte)i)];

    private readonly List<CallbackClient> _clients = [];
    private readonly FakeTimeProvider _time = new(Sample.Now.AddMilliseconds(789));
    private CallbackReceiver _receiver = null!;

    public async Task InitializeAsync() => _receiver = await CallbackReceiver.StartAsync();

    public async Task DisposeAsync() => await _receiver.DisposeAsync();

    public void Dispose() => _clients.ForEach(client => client.Dispose());

    [Theory]
    [InlineData(AuthorizationStatus.Allowed, "allowed")]
    [InlineData(AuthorizationStatus.NotAllowed, "not_allowed")]
    [InlineData(AuthorizationStatus.Unknown, "unknown")]
    public async Task Callback_IsByteForByteWhatTheContractSays(object status, string name)
    {
        var request = Sample.Request(_receiver.Url + "/a?b=c");

        await AttemptAsync(
            Client(),
            request,
            new Decision((AuthorizationStatus)status, DecisionReason.InAcl, Sample.Now.AddMilliseconds(42))
        );

        var received = Assert.Single(_receiver.Received);
        Assert.Equal(
            $$"""
            {"station_id":"0b7c1d2e-3f40-4a51-8b62-9c73ad84be95","driver_token":"canary-token-0123456789",
            "status":"{{name}}","timestamp":1767323045042}
            """.ReplaceLineEndings(""),
            Encoding.UTF8.GetString(received.Body)
        );
        Assert.Equal("/callback/a", received.Path);
        Assert.Equal("application/json", received.Headers["Content-Type"]);
        Assert.Equal(received.Body.Length.ToString(CultureInfo.InvariantCulture), received.Headers["Content-Length"]);
        Assert.Matches(@"^AkkaCharging/\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$", received.Headers["User-Agent"]);
        Assert.Equal(request.Id.ToString(), received.Headers["webhook-id"]);
        Assert.Equal("1767323045", received.Headers["webhook-timestamp"]);
        Assert.Equal(
            ["Content-Length", "Content-Type", "Host", "User-Agent", "webhook-id", "webhook-timestamp"],
            received.Headers.Keys.Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task Station_IsSpelledAsTheCallerWroteIt()
    {
        var request = Sample.Request(_receiver.Url) with
        {
            Station = StationId.TryCreate("0B7C1D2E-3f40-4A51-8b62-9C73AD84BE95")!,
        };

        await AttemptAsync(Client(), request);

        Assert.Contains(
            "\"0B7C1D2E-3f40-4A51-8b62-9C73AD84BE95\"",
            Encoding.UTF8.GetString(_receiver.Received.Single().Body),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Signatures_AreOneForEachKey_OverIdTimestampAndBody()
    {
        var request = Sample.Request(_receiver.Url);

        await AttemptAsync(Client(keys: [FirstKey, SecondKey]), request);
        _time.Advance(TimeSpan.FromSeconds(10));
        await AttemptAsync(Client(keys: [FirstKey, SecondKey]), request);

        Assert.Equal(
            ["1767323045", "1767323055"],
            _receiver.Received.Select(received => received.Headers["webhook-timestamp"])
        );
        Assert.Single(_receiver.Received.Select(received => received.WebhookId).Distinct());
        Assert.All(
            _receiver.Received,
            received =>
            {
                var signed =
                    $"{received.WebhookId}.{received.Headers["webhook-timestamp"]}."
                    + $"{Encoding.UTF8.GetString(received.Body)}";
                Assert.Equal(
                    $"v1,{Hmac(FirstKey, signed)} v1,{Hmac(SecondKey, signed)}",
                    received.Headers["webhook-signature"]
                );
            }
        );

        static string Hmac(byte[] key, string signed)
        {
            using var hmac = new HMACSHA256(key);
            return Convert.ToBase64String(hmac.ComputeHash(Encoding.UTF8.GetBytes(signed)));
        }
    }

    [Theory]
    [InlineData(200)]
    [InlineData(202)]
    [InlineData(204)]
    [InlineData(299)]
    public async Task Status2xx_IsSuccess(int status) =>
        await AssertOutcomeAsync(status, CallbackOutcome.Success, isFinal: true);

    [Theory]
    [InlineData(300)]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(404)]
    [InlineData(410)]
    [InlineData(304)]
    [InlineData(422)]
    [InlineData(600)]
    [InlineData(999)]
    public async Task OtherStatus_IsAPermanentError(int status) =>
        await AssertOutcomeAsync(status, CallbackOutcome.HttpError, isFinal: true);

    [Theory]
    [InlineData(408)]
    [InlineData(425)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(599)]
    public async Task StatusThatMayPass_IsRetried(int status) =>
        await AssertOutcomeAsync(status, CallbackOutcome.HttpError, isFinal: false);

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task Redirect_IsAPermanentError_AndIsNotFollowed(int status)
    {
        await using var second = RawReceiver.Answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        _receiver.RespondWith((HttpStatusCode)status, ("Location", second.Url));

        var result = await AttemptAsync(Client(), Sample.Request(_receiver.Url));

        Assert.Equal(
            (CallbackOutcome.HttpError, status, true),
            (result.Attempt.Outcome, result.Attempt.HttpStatus, result.IsFinal)
        );
        Assert.Equal((1, 0), (_receiver.Received.Count, second.Connections));
    }

    [Fact]
    public async Task RetryAfterOfAPermanentError_IsIgnored()
    {
        _receiver.RespondWith(HttpStatusCode.NotFound, ("Retry-After", "7"));

        var result = await AttemptAsync(Client(), Sample.Request(_receiver.Url));

        Assert.Equal((true, null), (result.IsFinal, result.RetryAfter));
    }

    [Fact]
    public async Task HangingReceiver_IsATimeOut_AfterTheTimeOut()
    {
        _receiver.Hang();
        var attempt = AttemptAsync(Client(timeout: TimeSpan.FromSeconds(10)), Sample.Request(_receiver.Url));
        await Eventually.HoldsAsync(() => _receiver.Received.Count == 1, "the callback arrived");

        _time.Advance(TimeSpan.FromSeconds(10) - TimeSpan.FromMilliseconds(1));
        Assert.False(attempt.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        var result = await attempt;
        AssertNoAnswer(CallbackOutcome.Timeout, AttemptCause.AnswerTimeout, isFinal: false, result);
        Assert.Equal(
            (Sample.Now.AddMilliseconds(789), TimeSpan.FromSeconds(10)),
            (result.Attempt.At, result.Attempt.Duration)
        );
    }

    [Fact]
    public async Task Stop_IsThrown_AndIsNoResult()
    {
        _receiver.Hang();
        using var stopping = new CancellationTokenSource();
        var attempt = Client().AttemptAsync(Sample.Request(_receiver.Url), Sample.Decision(), stopping.Token);
        await Eventually.HoldsAsync(() => _receiver.Received.Count == 1, "the callback arrived");

        await stopping.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => attempt.WaitAsync(Patience));
    }

    [Fact]
    public async Task RefusedConnection_IsANetworkError()
    {
        using var deaf = new Socket(SocketType.Stream, ProtocolType.Tcp);
        deaf.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // holds the port, but never listens
        var url = $"http://127.0.0.1:{((IPEndPoint)deaf.LocalEndPoint!).Port}/hook";

        AssertNoAnswer(
            CallbackOutcome.NetworkError,
            AttemptCause.ConnectionRefused,
            isFinal: false,
            await AttemptAsync(Client(), Sample.Request(url))
        );
    }

    [Fact]
    public async Task Reset_IsANetworkError()
    {
        await using var receiver = new RawReceiver(
            (_, socket) =>
            {
                socket.LingerState = new LingerOption(enable: true, seconds: 0);
                socket.Close();
                return Task.CompletedTask;
            }
        );

        AssertNoAnswer(
            CallbackOutcome.NetworkError,
            AttemptCause.ConnectionReset,
            isFinal: false,
            await AttemptAsync(Client(), Sample.Request(receiver.Url))
        );
    }

    [Theory]
    [InlineData("SMTP ready\r\n\r\n", AttemptCause.Protocol)]
    [InlineData("HTTP/1.1 abc\r\n\r\n", AttemptCause.Protocol)]
    [InlineData("\0\u0001\u0002\r\n\r\n", AttemptCause.Protocol)]
    [InlineData("", AttemptCause.ConnectionReset)]
    public async Task GarbageInsteadOfAnAnswer_IsANetworkError(string garbage, object cause)
    {
        await using var receiver = RawReceiver.Answering(garbage);

        AssertNoAnswer(
            CallbackOutcome.NetworkError,
            (AttemptCause)cause,
            isFinal: false,
            await AttemptAsync(Client(), Sample.Request(receiver.Url))
        );
    }

    [Fact]
    public async Task HeadersBeyondTheBound_AreTooLarge()
    {
        await using var receiver = RawReceiver.Answering(
            $"HTTP/1.1 200 OK\r\nX-Long: {new string('x', 20_000)}\r\nContent-Length: 0\r\n\r\n"
        );

        AssertNoAnswer(
            CallbackOutcome.NetworkError,
            AttemptCause.TooLarge,
            isFinal: false,
            await AttemptAsync(Client(), Sample.Request(receiver.Url))
        );
    }

    /// <summary>
    /// What follows a body that was announced shorter than it is would otherwise be taken for the answer to the next
    /// callback.
    /// </summary>
    [Fact]
    public async Task BytesBeyondAnAnswer_AreNoAnswerToTheNextCallback()
    {
        await using var receiver = new RawReceiver(
            async (self, socket) =>
            {
                await self.WriteAsync(
                    socket,
                    "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                );
                await RawReceiver.ClosedAsync(socket);
            }
        );
        var client = Client();

        for (var attempts = 1; attempts <= 3; attempts++)
        {
            Assert.Equal(503, (await AttemptAsync(client, Sample.Request(receiver.Url))).Attempt.HttpStatus);
            Assert.Equal(attempts, receiver.Connections);
        }
    }

    [Fact]
    public async Task AddressThatThePolicyRefuses_IsBlocked_ForGood()
    {
        await using var receiver = RawReceiver.Answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        var request = Sample.Request() with
        {
            Callback = Sample.Url($"http://hooks.example.com:{new Uri(receiver.Url).Port}/hook"),
        };

        AssertNoAnswer(
            CallbackOutcome.Blocked,
            AttemptCause.AddressRefused,
            isFinal: true,
            await AttemptAsync(Client(new ScriptedResolver(["127.0.0.2"])), request)
        );
        AssertNoAnswer(
            CallbackOutcome.Blocked,
            AttemptCause.AddressRefused,
            isFinal: true,
            await AttemptAsync(Client(new ScriptedResolver(["127.0.0.1", "10.0.0.1"])), request)
        );

        Assert.Equal(0, receiver.Connections);
    }

    [Fact]
    public async Task NameThatRebinds_IsBlockedAtItsNextConnection()
    {
        await using var receiver = RawReceiver.Answering("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        var request = Sample.Request() with
        {
            Callback = Sample.Url($"http://hooks.example.com:{new Uri(receiver.Url).Port}/hook"),
        };
        var client = Client(new ScriptedResolver(["127.0.0.1"], ["169.254.169.254"]));

        Assert.Equal(CallbackOutcome.Success, (await AttemptAsync(client, request)).Attempt.Outcome);
        AssertNoAnswer(
            CallbackOutcome.Blocked,
            AttemptCause.AddressRefused,
            isFinal: true,
            await AttemptAsync(client, request)
        );
        Assert.Equal(1, receiver.Connections);
    }

    [Fact]
    public async Task NameWithoutAnAddress_IsANetworkError() =>
        AssertNoAnswer(
            CallbackOutcome.NetworkError,
            AttemptCause.NameNotFound,
            isFinal: false,
            await AttemptAsync(
                Client(
                    new ScriptedResolver([
                        [],
                    ])
                ),
                Sample.Request("http://hooks.example.com/")
            )
        );

    [Fact]
    public async Task ConnectionThatDoesNotComeAbout_IsATimeOut()
    {
        var dialling = new TaskCompletionSource();
        var client = Client(
            dial: async (_, token) =>
            {
                dialling.SetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, token);
                return Stream.Null;
            }
        );
        var attempt = AttemptAsync(client, Sample.Request());
        await dialling.Task.WaitAsync(Patience);

        _time.Advance(TimeSpan.FromSeconds(3)); // the connector's, below the attempt's 10

        AssertNoAnswer(CallbackOutcome.Timeout, AttemptCause.ConnectTimeout, isFinal: false, await attempt);
    }

    [Fact]
    public async Task ConnectionThatTheHandlerGivesUp_IsATimeOutOfTheConnection()
    {
        var client = Client(
            dial: async (_, token) =>
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, token);
                return Stream.Null;
            },
            connectTimeout: TimeSpan.FromMilliseconds(50)
        );

        AssertNoAnswer(
            CallbackOutcome.Timeout,
            AttemptCause.ConnectTimeout,
            isFinal: false,
            await AttemptAsync(client, Sample.Request())
        );
    }

    [Fact]
    public async Task SilenceInsteadOfTls_IsATimeOutOfTheConnection()
    {
        await using var receiver = new RawReceiver((_, socket) => RawReceiver.ClosedAsync(socket), readsFirst: false);
        var client = Client(connectTimeout: TimeSpan.FromMilliseconds(200));

        AssertNoAnswer(
            CallbackOutcome.Timeout,
            AttemptCause.ConnectTimeout,
            isFinal: false,
            await AttemptAsync(client, Sample.Request($"https://127.0.0.1:{receiver.Port}/hook"))
        );
    }

    [Fact]
    public void Outcomes_AreSpelledAsTheContractHasThem() =>
        Assert.Equal(
            ["success", "http_error", "network_error", "timeout", "blocked"],
            Enum.GetValues<CallbackOutcome>().Select(outcome => outcome.Name())
        );

    private static void AssertNoAnswer(
        CallbackOutcome outcome,
        AttemptCause cause,
        bool isFinal,
        AttemptResult result
    ) =>
        Assert.Equal(
            (outcome, cause, null, isFinal, null),
            (result.Attempt.Outcome, result.Attempt.Cause, result.Attempt.HttpStatus, result.IsFinal, result.RetryAfter)
        );

    private static Task<AttemptResult> AttemptAsync(
        CallbackClient client,
        ChargingRequest request,
        Decision? decision = null
    ) => client.AttemptAsync(request, decision ?? Sample.Decision(), CancellationToken.None).WaitAsync(Patience);

    private async Task AssertOutcomeAsync(int status, CallbackOutcome outcome, bool isFinal)
    {
        _receiver.RespondWith((HttpStatusCode)status);

        var result = await AttemptAsync(Client(), Sample.Request(_receiver.Url));

        Assert.Equal(
            (outcome, status, isFinal, null),
            (result.Attempt.Outcome, result.Attempt.HttpStatus, result.IsFinal, result.RetryAfter)
        );
        Assert.Equal(outcome == CallbackOutcome.Success ? null : AttemptCause.HttpStatus, result.Attempt.Cause);
        Assert.Single(_receiver.Received);
    }

    [Theory]
    [InlineData(NameResolutionFailure.NotFound, AttemptCause.NameNotFound, null)]
    [InlineData(NameResolutionFailure.Overloaded, AttemptCause.NameNotAsked, null)]
    [InlineData(NameResolutionFailure.OutOfFiles, AttemptCause.LocalResources, LocalResource.Files)]
    public async Task NameWithoutAnAddress_IsANetworkError_ThatNoConnectionWasTriedFor(
        object failure,
        object cause,
        object? lacking
    )
    {
        var client = Client(new NamesWithoutAddresses(_ => new((NameResolutionFailure)failure)));

        var result = await AttemptAsync(client, Sample.Request("http://hooks.example.org:8080/hook"));

        AssertNoAnswer(CallbackOutcome.NetworkError, (AttemptCause)cause, isFinal: false, result);
        Assert.Equal((LocalResource?)lacking, result.Lacking);
    }

    [Fact]
    public async Task NameThatIsLookedUpTooLong_IsATimeOutOfTheName()
    {
        var asked = new TaskCompletionSource();
        var client = Client(
            new NamesWithoutAddresses(async token =>
            {
                asked.SetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, token);
                return NameResolutionFailure.NotFound;
            }),
            timeout: TimeSpan.FromSeconds(10)
        );
        var attempt = AttemptAsync(client, Sample.Request("http://hooks.example.org:8080/hook"));
        await asked.Task.WaitAsync(Patience);

        _time.Advance(TimeSpan.FromSeconds(10));

        AssertNoAnswer(CallbackOutcome.Timeout, AttemptCause.NameTimeout, isFinal: false, await attempt);
    }

    [Theory]
    [InlineData(SocketError.TooManyOpenSockets, LocalResource.Files)]
    [InlineData(SocketError.NoBufferSpaceAvailable, LocalResource.Memory)]
    [InlineData(SocketError.AddressNotAvailable, LocalResource.Ports)]
    [InlineData(SocketError.ConnectionRefused, null)]
    public async Task LackOfTheProcessItself_IsTold(SocketError error, object? lacking)
    {
        var client = Client(dial: (_, _) => throw new SocketException((int)error));

        var result = await AttemptAsync(client, Sample.Request(_receiver.Url));

        Assert.Equal(((LocalResource?)lacking, false), (result.Lacking, result.IsFinal));
    }

    private CallbackClient Client(
        IHostResolver? resolver = null,
        TimeSpan? timeout = null,
        byte[][]? keys = null,
        Func<IPEndPoint, CancellationToken, ValueTask<Stream>>? dial = null,
        TimeSpan? connectTimeout = null
    )
    {
        var policy = Policies.Allowing("127.0.0.1/32");
        resolver ??= new ScriptedResolver(["127.0.0.1"]);
        var connector = dial is null
            ? new VettedConnector(policy, resolver, TimeProvider.System, Patience)
            : new VettedConnector(policy, resolver, _time, TimeSpan.FromSeconds(3), dial);
        var signer = new WebhookSigner(
            new SigningSettings(
                [.. (keys ?? []).Select(key => "whsec_" + Convert.ToBase64String(key))],
                KeysFile: "",
                Required: false
            ),
            _time
        );
        var client = new CallbackClient(
            ResendingHandler.Create(connector, connectTimeout ?? Patience),
            connector,
            signer,
            timeout ?? TimeSpan.FromSeconds(10),
            _time
        );
        _clients.Add(client);
        return client;
    }

    /// <summary>A look-up of an address means that a connection was about to be opened.</summary>
    private sealed class NamesWithoutAddresses(Func<CancellationToken, ValueTask<NameResolutionFailure?>> find)
        : IHostResolver
    {
        public ValueTask<NameResolutionFailure?> FindFailureAsync(string host, CancellationToken cancellationToken) =>
            find(cancellationToken);

        public Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("A connection was tried.");
    }
}
