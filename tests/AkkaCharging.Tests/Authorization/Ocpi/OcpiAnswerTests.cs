using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Ocpi;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using static AkkaCharging.Tests.Authorization.Ocpi.OcpiQuestions;

namespace AkkaCharging.Tests.Authorization.Ocpi;

/// <summary>What partners answer, and how it is handled: each oddity that was seen in practice is a case.</summary>
[Trait("Category", "Component")]
public sealed class OcpiAnswerTests : IAsyncLifetime
{
    private static readonly StationMapping Place = new("LOC1", ["E1", "E2"]);

    private readonly FakeTimeProvider _time = new(Queries.Now);
    private PartnerServer _server = null!;
    private OcpiPartnerAuthorizer _authorizer = null!;

    public async Task InitializeAsync()
    {
        _server = await PartnerServer.StartAsync();
        _authorizer = Authorizer(Partner(_server.Tokens), _time);
    }

    public async Task DisposeAsync()
    {
        _authorizer.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("""{"allowed":"ALLOWED"}""", "allowed", "authorized")]
    [InlineData("""{"allowed":"BLOCKED"}""", "not_allowed", "blocked")]
    [InlineData("""{"allowed":"EXPIRED"}""", "not_allowed", "expired")]
    [InlineData("""{"allowed":"NO_CREDIT"}""", "not_allowed", "no_credit")]
    [InlineData("""{"allowed":"NOT_ALLOWED"}""", "not_allowed", "station_not_allowed")]
    [InlineData("""{"allowed":"ALLOWED","token":null,"location":null,"info":null}""", "allowed", "authorized")]
    [InlineData("""{"allowed":"ALLOWED","more":{"a":[1]},"info":"text","token":{}}""", "allowed", "authorized")]
    // the token that was asked about, in whatever case
    [InlineData("""{"allowed":"ALLOWED","token":{"uid":"CANARY-04aabbccdd","type":"NEW"}}""", "allowed", "authorized")]
    // where charging is allowed: everywhere unless it says more, else at the EVSEs that are listed
    [InlineData(
        """{"allowed":"ALLOWED","location":{"location_id":"LOC1","evse_uids":["E1","E2"]}}""",
        "allowed",
        "authorized"
    )]
    [InlineData(
        """{"allowed":"ALLOWED","location":{"location_id":"loc1","evse_uids":["x","e2","e1"]}}""",
        "allowed",
        "authorized"
    )]
    [InlineData(
        """{"allowed":"ALLOWED","location":{"location_id":"LOC1","evse_uids":["E1"]}}""",
        "not_allowed",
        "station_not_allowed"
    )]
    [InlineData(
        """{"allowed":"ALLOWED","location":{"location_id":"LOC1","evse_uids":[]}}""",
        "not_allowed",
        "station_not_allowed"
    )]
    [InlineData("""{"allowed":"ALLOWED","location":{"location_id":"LOC1"}}""", "not_allowed", "station_not_allowed")]
    [InlineData(
        """{"allowed":"ALLOWED","location":{"location_id":"LOC2","evse_uids":["E1","E2"]}}""",
        "not_allowed",
        "station_not_allowed"
    )]
    [InlineData("""{"allowed":"ALLOWED","location":{"evse_uids":["E1","E2"]}}""", "not_allowed", "station_not_allowed")]
    [InlineData(
        """{"allowed":"ALLOWED","location":{"location_id":"LOC1","evse_uids":["E1",2,"\ud800"]}}""",
        "not_allowed",
        "station_not_allowed"
    )]
    [InlineData("""{"allowed":"ALLOWED","location":"LOC1"}""", "not_allowed", "station_not_allowed")]
    [InlineData(
        """{"allowed":"BLOCKED","location":{"location_id":"LOC1","evse_uids":["E1","E2"]}}""",
        "not_allowed",
        "blocked"
    )]
    public async Task AuthorizationInfo_IsUnderstood(string data, string status, string reason)
    {
        _server.Answers(PartnerServer.Envelope(data));

        var answer = await _authorizer.AuthorizeAsync(Some(mapping: Place), default);

        Assert.Null(answer.Failure);
        Assert.Equal((status, reason), (answer.Status.Name(), answer.Reason.Name()));
        Assert.Null(_authorizer.Misconfiguration);
    }

    [Theory]
    [InlineData("""{"location_id":"LOC1","evse_uids":["E1"]}""", true)]
    [InlineData("""{"location_id":"LOC1"}""", true)]
    [InlineData("""{"location_id":"LOC2"}""", false)]
    public async Task WithoutEvses_TheLocationAloneCounts(string location, bool isAllowed)
    {
        _server.Answers(PartnerServer.Envelope($$"""{"location":{{location}},"allowed":"ALLOWED"}"""));

        var answer = await _authorizer.AuthorizeAsync(Some(mapping: new StationMapping("LOC1", [])), default);

        Assert.Equal(isAllowed ? DecisionReason.Authorized : DecisionReason.StationNotAllowed, answer.Reason);
    }

    [Fact]
    public async Task WithoutLocation_TheAnswersOneDoesNotCount()
    {
        _server.Answers(PartnerServer.Envelope("""{"allowed":"ALLOWED","location":{"location_id":"LOC2"}}"""));

        Assert.Equal(DecisionReason.Authorized, (await _authorizer.AuthorizeAsync(Some(), default)).Reason);
    }

    [Theory]
    [InlineData("2.2.1", "authorization_reference", "authorization_id")]
    [InlineData("2.3.0", "authorization_reference", "authorization_id")]
    [InlineData("2.1.1", "authorization_id", "authorization_reference")]
    public async Task Details_AreKept(string version, string field, string other)
    {
        using var authorizer = Authorizer(Partner(_server.Tokens), _time, version);
        _server.Answers(
            PartnerServer.Envelope(
                $$"""{"info":{"language":"nl","text":"Saldo\u0007 op"},"{{field}}":"ref-1","{{other}}":"no","allowed":"NO_CREDIT"}"""
            )
        );

        var answer = await authorizer.AuthorizeAsync(Some(), default);

        Assert.Equal(
            new AuthorizationDetails
            {
                AuthorizationReference = "ref-1",
                Language = "nl",
                Text = "Saldo op",
                Party = "NL-TNM",
            },
            answer.Details
        );
    }

    [Theory]
    [InlineData("""{"uid":"canary-04AABBCCDD","country_code":"be","party_id":"abc"}""", "BE-ABC")]
    [InlineData("""{"uid":"canary-04AABBCCDD","country_code":"be","party_id":"a\nc"}""", null)]
    [InlineData("""{"uid":"canary-04AABBCCDD"}""", null)]
    public async Task BehindAHub_TheTokenTellsWhoAnswered(string token, string? party)
    {
        using var authorizer = Authorizer(
            Partner(_server.Tokens, kind: AkkaCharging.Settings.OcpiPartnerKind.Hub, parties: []),
            _time
        );
        _server.Answers(PartnerServer.Envelope($$"""{"token":{{token}},"allowed":"ALLOWED"}"""));

        Assert.Equal(party, (await authorizer.AuthorizeAsync(Some(), default)).Details?.Party);
    }

    [Fact]
    public async Task LongReference_IsDropped_BecauseAPartOfItNamesSomethingElse()
    {
        _server.Answers(
            PartnerServer.Envelope($$"""{"allowed":"ALLOWED","authorization_reference":"{{new string('r', 65)}}"}""")
        );

        Assert.Null((await _authorizer.AuthorizeAsync(Some(), default)).Details?.AuthorizationReference);
    }

    [Theory]
    [InlineData(200, """{"status_code":2004}""")]
    [InlineData(404, """{"status_code":2004,"status_message":"canary"}""")]
    [InlineData(400, """{"status_code":2004,"data":{"allowed":"ALLOWED"}}""")]
    [InlineData(500, """{"status_code":2004}""")]
    public async Task UnknownToken_IsANo_WhateverTheHttpStatus(int status, string body)
    {
        _server.Answers(status, body);

        var answer = await _authorizer.AuthorizeAsync(Some(), default);

        Assert.Equal(("not_allowed", "not_in_acl"), (answer.Status.Name(), answer.Reason.Name()));
        Assert.Null(_authorizer.Misconfiguration);
    }

    [Theory]
    // the partner's failures
    [InlineData(500, "", "partner", "answered 500")]
    [InlineData(503, """{"status_code":1000,"data":{"allowed":"ALLOWED"}}""", "partner", "answered 503")]
    [InlineData(599, "", "partner", "answered 599")]
    [InlineData(429, "", "partner", "answered 429")]
    [InlineData(408, "", "partner", "answered 408")]
    [InlineData(200, """{"status_code":3000}""", "partner", "answered 3000")]
    [InlineData(200, """{"status_code":3001,"data":{"allowed":"ALLOWED"}}""", "partner", "answered 3001")]
    [InlineData(200, """{"status_code":4002}""", "partner", "answered 4002")]
    [InlineData(200, """{"status_code":4003}""", "partner", "answered 4003")]
    // ours, or a question that cannot be answered
    [InlineData(200, """{"status_code":2000}""", "question", "answered 2000 with HTTP 200")]
    [InlineData(200, """{"status_code":2001,"data":{"allowed":"ALLOWED"}}""", "question", "it rejects the parameters")]
    [InlineData(404, """{"status_code":2001,"data":{"allowed":"NOT_ALLOWED"}}""", "question", "answered 2001")]
    [InlineData(200, """{"status_code":2002}""", "question", "requires the location")]
    [InlineData(200, """{"status_code":2003}""", "question", "does not know the location")]
    [InlineData(404, """{"status_code":2003}""", "question", "does not know the location")]
    [InlineData(200, """{"status_code":2999}""", "question", "answered 2999")]
    [InlineData(200, """{"status_code":4001}""", "question", "the party that was addressed")]
    [InlineData(200, """{"status_code":4000}""", "question", "answered 4000")]
    [InlineData(404, """{"status_code":1000,"data":{"allowed":"ALLOWED"}}""", "question", "with HTTP 404")]
    [InlineData(400, "", "question", "answered 400 without")]
    [InlineData(600, "", "question", "answered 600 without")]
    [InlineData(999, """{"status_code":1000,"data":{"allowed":"ALLOWED"}}""", "question", "with HTTP 999")]
    [InlineData(200, "", "question", "answered 200 without")]
    [InlineData(200, """{"status_code":0,"data":{"allowed":"ALLOWED"}}""", "question", "answered 0")]
    // of the settings
    [InlineData(401, "", "settings", "answered 401; check tokenFile")]
    [InlineData(401, """{"status_code":2001}""", "settings", "answered 401; check tokenFile")]
    [InlineData(403, """{"status_code":1000,"data":{"allowed":"ALLOWED"}}""", "settings", "check tokenFile")]
    [InlineData(404, "<html>", "settings", "answered 404 without OCPI; check tokensUrl")]
    [InlineData(405, "", "settings", "check tokensUrl")]
    [InlineData(302, "", "settings", "check tokensUrl")]
    public async Task OtherAnswer_IsNone_AndBlamedOnWhoCanMendIt(int status, string body, string blame, string message)
    {
        _server.Handler = context =>
        {
            context.Response.Headers.Location = "/elsewhere";
            return PartnerServer.WriteAsync(context, status, body, "application/json");
        };

        await FailsAsync(blame == "partner", message);

        Assert.Equal(blame == "settings", _authorizer.Misconfiguration is not null);
        Assert.Single(_server.Requests);
    }

    public static TheoryData<string, byte[]> HostileBodies =>
        new()
        {
            { "nothing", [] },
            { "null", "null"u8.ToArray() },
            { "a list", "[]"u8.ToArray() },
            { "no code", Utf8("""{"data":{"allowed":"ALLOWED"}}""") },
            { "a code as text", Utf8("""{"status_code":"1000","data":{"allowed":"ALLOWED"}}""") },
            { "a fraction", Utf8("""{"status_code":1000.5,"data":{"allowed":"ALLOWED"}}""") },
            { "a large code", Utf8("""{"status_code":99999999999,"data":{"allowed":"ALLOWED"}}""") },
            { "no data", Utf8("""{"status_code":1000}""") },
            { "data of another kind", Utf8(PartnerServer.Envelope("\"ALLOWED\"")) },
            { "a list as data", Utf8(PartnerServer.Envelope("""[{"allowed":"ALLOWED"}]""")) },
            { "no type", Utf8(PartnerServer.Envelope("{}")) },
            { "a type that OCPI does not have", Utf8(PartnerServer.Envelope("""{"allowed":"REQUEST_TOO_BROAD"}""")) },
            { "another case", Utf8(PartnerServer.Envelope("""{"allowed":"allowed"}""")) },
            { "a type of another kind", Utf8(PartnerServer.Envelope("""{"allowed":true}""")) },
            { "half a character", Utf8(PartnerServer.Envelope("""{"allowed":"\ud800"}""")) },
            {
                "half a character as a key",
                Utf8(PartnerServer.Envelope("""{"\ud800":1,"allowed":"ALLOWED","\ud801":2}"""))
            },
            {
                "bytes that are no UTF-8",
                [.. Utf8("""{"status_code":1000,"data":{"allowed":"ALLOWED """), 0xFF, .. Utf8("\"}}")]
            },
            { "two codes", Utf8("""{"status_code":2000,"status_code":1000,"data":{"allowed":"ALLOWED"}}""") },
            {
                "two codes, one escaped",
                Utf8("""{"status_code":2000,"status\u005fcode":1000,"data":{"allowed":"ALLOWED"}}""")
            },
            { "two types", Utf8(PartnerServer.Envelope("""{"allowed":"BLOCKED","allowed":"ALLOWED"}""")) },
            { "two of anything", Utf8(PartnerServer.Envelope("""{"allowed":"ALLOWED","x":{"a":1,"a":2}}""")) },
            { "another token", Utf8(PartnerServer.Envelope("""{"allowed":"ALLOWED","token":{"uid":"04AABBCC"}}""")) },
            {
                "a token of another kind",
                Utf8(PartnerServer.Envelope("""{"allowed":"ALLOWED","token":{"uid":4711}}"""))
            },
            {
                "depth",
                Utf8(
                    PartnerServer.Envelope(
                        $$"""{"x":{{new string('[', 20)}}{{new string(']', 20)}},"allowed":"ALLOWED"}"""
                    )
                )
            },
            { "size", Utf8(PartnerServer.Envelope("""{"allowed":"ALLOWED"}""").PadRight(16_385)) },
            { "a control character", Utf8("{\"status_code\":1000,\"data\":{\"allowed\":\"ALLOWED\u0001\"}}") },
            { "a comment", Utf8("""{"status_code":1000,/* */"data":{"allowed":"ALLOWED"}}""") },
            { "more behind", Utf8(PartnerServer.Envelope("""{"allowed":"ALLOWED"}""") + " x") },
            { "an end too early", Utf8("""{"status_code":1000,"data":{"allowed":"ALLOWED","canary-04AABBCCDD":""") },
            { "UTF-16", Encoding.Unicode.GetBytes(PartnerServer.Envelope("""{"allowed":"ALLOWED"}""")) },
        };

    [Theory]
    [MemberData(nameof(HostileBodies))]
    public async Task HostileBody_IsNoAnswer(string what, byte[] body)
    {
        _server.Handler = context => WriteAsync(context, body, "application/json");

        await FailsAsync(isFault: false, "answered");

        Assert.True(_authorizer.Misconfiguration is null, what);
    }

    [Fact]
    public async Task ByteOrderMark_AndTheLargestSize_AreTaken()
    {
        var body = PartnerServer.Envelope("""{"allowed":"ALLOWED"}""");
        _server.Handler = context =>
            WriteAsync(
                context,
                [.. Encoding.UTF8.Preamble, .. Utf8(body.PadRight(16_381))],
                "Application/JSON; charset=utf-8"
            );

        Assert.Equal(DecisionReason.Authorized, (await _authorizer.AuthorizeAsync(Some(), default)).Reason);
    }

    [Theory]
    [InlineData("text/html", "")]
    [InlineData("", "")]
    [InlineData("application/json", "gzip")]
    [InlineData("application/json", "br")]
    public async Task OtherContent_IsNoAnswer(string type, string encoding)
    {
        var body = Utf8(PartnerServer.Envelope("""{"allowed":"ALLOWED"}"""));
        _server.Handler = context =>
        {
            context.Response.Headers.ContentEncoding = encoding;
            return WriteAsync(context, encoding == "gzip" ? Zip(body) : body, type);
        };

        await FailsAsync(isFault: false, "without a valid OCPI envelope");
    }

    [Fact]
    public async Task ProperAnswer_ClearsTheMisconfiguration()
    {
        foreach (
            var proper in new[] { PartnerServer.Envelope("""{"allowed":"BLOCKED"}"""), """{"status_code":2004}""" }
        )
        {
            _server.Answers(401);
            await FailsAsync(isFault: false, "check tokenFile");
            Assert.Equal("OCPI partner tnm answered 401; check tokenFile", _authorizer.Misconfiguration);
            _server.Answers(503);
            await FailsAsync(isFault: true, "answered 503");
            Assert.NotNull(_authorizer.Misconfiguration);

            _server.Answers(proper);
            await _authorizer.AuthorizeAsync(Some(), default);

            Assert.Null(_authorizer.Misconfiguration);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task RefusedConnection_IsTriedAgain_ByThisAuthorizerAlone(int maxRetries)
    {
        using var deaf = new Socket(SocketType.Stream, ProtocolType.Tcp);
        deaf.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // holds the port, but never listens
        var tokens = new Uri($"http://127.0.0.1:{((IPEndPoint)deaf.LocalEndPoint!).Port}/");
        using var authorizer = Authorizer(Partner(tokens), _time, maxRetries: maxRetries);
        var call = authorizer.AuthorizeAsync(Some(), default).AsTask();
        for (var i = 0; i < maxRetries; i++)
        {
            await Eventually.HoldsAsync(
                () =>
                {
                    _time.Advance(TimeSpan.FromMilliseconds(100));
                    return call.IsCompleted;
                },
                "the retries are over"
            );
        }

        var error = await Assert.ThrowsAsync<AuthorizerUnavailableException>(() => call);

        Assert.Equal((false, true), (error.IsTransient, error.IsFault));
        Assert.Contains("could not be reached", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task QuestionThatMayHaveArrived_IsNotRepeated(bool afterTheHeaders)
    {
        using var authorizer = Authorizer(Partner(_server.Tokens), _time, maxRetries: 3);
        _server.Handler = async context =>
        {
            context.Response.ContentType = "application/json";
            if (afterTheHeaders)
                await context.Response.Body.WriteAsync("{"u8.ToArray());
            await context.Response.Body.FlushAsync();
            context.Abort();
        };

        await FailsAsync(isFault: true, "broke the connection", authorizer);

        Assert.Single(_server.Requests);
    }

    [Theory]
    [InlineData("220 canary.example ready\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n")]
    public async Task SomethingElseThanHttp_IsNotQuoted(string answer)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using var authorizer = Authorizer(Partner(new Uri($"http://127.0.0.1:{port}/")), _time);
        var failing = FailsAsync(isFault: true, "does not speak HTTP as expected", authorizer);
        using var peer = await listener.AcceptTcpClientAsync();
        _ = await peer.GetStream().ReadAtLeastAsync(new byte[100], 100);

        await peer.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer));

        await failing;
    }

    [Fact]
    public async Task SilentPartner_IsGivenUp()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _server.Handler = async context =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        };
        var failing = FailsAsync(isFault: true, "did not answer within 1500 ms");
        await asked.Task.WaitAsync(Eventually.Patience);

        _time.Advance(TimeSpan.FromSeconds(1.5));

        await failing.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task CancelledCall_IsThrownAsSuch()
    {
        using var caller = new CancellationTokenSource();
        _server.Handler = async context =>
        {
            await caller.CancelAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await _authorizer.AuthorizeAsync(Some(), caller.Token)
        );
    }

    private async Task FailsAsync(bool isFault, string message, OcpiPartnerAuthorizer? authorizer = null)
    {
        var query = Some(mapping: Place);
        var error = await Assert.ThrowsAsync<AuthorizerUnavailableException>(async () =>
            await (authorizer ?? _authorizer).AuthorizeAsync(query, default).AsTask().WaitAsync(Eventually.Patience)
        );
        Assert.Equal((false, isFault), (error.IsTransient, error.IsFault));
        Assert.StartsWith("OCPI partner tnm ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", error.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("/emsp/", error.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("canary", _authorizer.Misconfiguration ?? "", StringComparison.OrdinalIgnoreCase);
    }

    private static async Task WriteAsync(HttpContext context, byte[] body, string contentType)
    {
        context.Response.ContentType = contentType;
        await context.Response.Body.WriteAsync(body);
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Zip(byte[] bytes)
    {
        using var zipped = new MemoryStream();
        using (var gzip = new GZipStream(zipped, CompressionMode.Compress))
            gzip.Write(bytes);
        return zipped.ToArray();
    }
}
