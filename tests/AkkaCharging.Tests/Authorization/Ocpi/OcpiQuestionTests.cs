using System.Text;
using System.Text.Json;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Ocpi;
using AkkaCharging.Authorization.Questions;
using AkkaCharging.Files;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Microsoft.Extensions.Time.Testing;
using static AkkaCharging.Tests.Authorization.Ocpi.OcpiQuestions;

namespace AkkaCharging.Tests.Authorization.Ocpi;

/// <summary>The requests that a partner receives.</summary>
[Trait("Category", "Component")]
public sealed class OcpiQuestionTests : IAsyncLifetime
{
    private static readonly string[] Routing =
    [
        "OCPI-from-country-code",
        "OCPI-from-party-id",
        "OCPI-to-country-code",
        "OCPI-to-party-id",
    ];

    private PartnerServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await PartnerServer.StartAsync();
        _server.Answers(PartnerServer.Envelope("""{"allowed":"ALLOWED"}"""));
    }

    public Task DisposeAsync() => _server.DisposeAsync().AsTask();

    [Theory]
    [InlineData("/tokens", "04AABBCC", "/tokens/04AABBCC/authorize?type=RFID")]
    [InlineData("/tokens/", "04AABBCC", "/tokens/04AABBCC/authorize?type=RFID")]
    [InlineData("/tokens//", "04AABBCC", "/tokens/04AABBCC/authorize?type=RFID")]
    [InlineData("", "04AABBCC", "/04AABBCC/authorize?type=RFID")]
    [InlineData("/tokens?a=b", "04AABBCC", "/tokens/04AABBCC/authorize?a=b&type=RFID")]
    [InlineData("/a%20b", "a/b#c%d e?f", "/a%20b/a%2Fb%23c%25d%20e%3Ff/authorize?type=RFID")]
    [InlineData("/tokens", "...", "/tokens/.../authorize?type=RFID")]
    [InlineData("/tokens", "a~b._-", "/tokens/a~b._-/authorize?type=RFID")]
    public async Task Url_IsJoinedByHand_AndTheUidEscaped(string url, string uid, string target)
    {
        await AskAsync(Partner(new Uri(_server.Origin + url)), Some(uid));

        var request = Assert.Single(_server.Requests);
        Assert.Equal(("POST", target), (request.Method, request.Target));
    }

    [Theory]
    [InlineData("2.2.1", null, "RFID", "RFID")]
    [InlineData("2.2.1", null, "OTHER", "OTHER")]
    [InlineData("2.2.1", "app_user", "RFID", "APP_USER")]
    [InlineData("2.2.1", "EMAID", "RFID", "OTHER")]
    [InlineData("2.2.1", "a&b=c", "RFID", "OTHER")]
    [InlineData("2.1.1", "APP_USER", "RFID", "OTHER")]
    [InlineData("2.2.1", "ISO14443", "OTHER", "RFID")] // the types of OCPP
    [InlineData("2.2.1", "iso15693", "OTHER", "RFID")]
    [InlineData("2.2.1", "Central", "RFID", "APP_USER")]
    [InlineData("2.3.0", "Local", "RFID", "AD_HOC_USER")]
    [InlineData("2.1.1", "Central", "RFID", "OTHER")]
    [InlineData("2.2.1", "KeyCode", "RFID", "OTHER")]
    [InlineData("2.1.1", null, "RFID", "RFID")]
    [InlineData("2.3.0", "EMAID", "RFID", "EMAID")]
    [InlineData("2.3.0", "a&b=c", "RFID", "A%26B%3DC")]
    public async Task Type_IsAlwaysSent(string version, string? type, string standard, string sent)
    {
        await AskAsync(Partner(_server.Tokens, tokenType: standard), Some("04AABBCC", type), version);

        Assert.EndsWith($"/04AABBCC/authorize?type={sent}", _server.Requests[0].Target, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ChangedCredentials_AreSent_AndABrokenFileKeepsThem()
    {
        var folder = Directory.CreateTempSubdirectory("credentials").FullName;
        var file = Path.Combine(folder, "partner.token");
        await File.WriteAllTextAsync(file, "first");
        var time = new FakeTimeProvider();
        var reloads = new List<(string Partner, string? Problem)>();
        var partner = Partner(_server.Tokens, encoding: OcpiTokenEncoding.Plain) with { TokenFile = file };
        using var partners = new OcpiPartners(
            OcpiQuestions.Settings(partners: [partner]),
            time,
            (name, problem) => reloads.Add((name, problem))
        );
        await AskAsync();

        await File.WriteAllTextAsync(file, "second token"); // OCPI does not allow a blank
        await PollTwiceAsync();
        await AskAsync();
        Assert.Contains("of 'tnm' cannot be used", partners.Partners[0].Misconfiguration, StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, "third");
        await PollTwiceAsync();
        await AskAsync();
        Assert.Null(partners.Partners[0].Misconfiguration);

        Assert.Equal(
            ["Token first", "Token first", "Token third"],
            _server.Requests.Select(request => request.Headers["Authorization"].ToString())
        );
        Assert.Equal(2, reloads.Count);
        Assert.Contains(
            "of 'tnm' cannot be used: it contains something other",
            reloads[0].Problem,
            StringComparison.Ordinal
        );
        Assert.Equal(("tnm", null), reloads[1]);
        Directory.Delete(folder, recursive: true);

        async Task AskAsync() =>
            await partners.Partners[0].Authorizer.AuthorizeAsync(Some("04AABBCC"), CancellationToken.None);

        async Task PollTwiceAsync()
        {
            for (var i = 0; i < 2; i++)
            {
                time.Advance(FileWatch.PollInterval);
                await partners.Polling;
            }
        }
    }

    [Fact]
    public async Task BrokenFileOfOnePartner_KeepsNoOtherFromItsNewToken()
    {
        var folder = Directory.CreateTempSubdirectory("credentials").FullName;
        var files = new[] { "tnm", "stc" }.Select(name => Path.Combine(folder, name)).ToList();
        foreach (var file in files)
            await File.WriteAllTextAsync(file, "first");
        var time = new FakeTimeProvider();
        using var partners = new OcpiPartners(
            OcpiQuestions.Settings(
                partners:
                [
                    Partner(_server.Tokens, name: "tnm") with
                    {
                        TokenFile = files[0],
                    },
                    Partner(_server.Tokens, name: "stc", encoding: OcpiTokenEncoding.Plain) with
                    {
                        TokenFile = files[1],
                    },
                ]
            ),
            time
        );

        File.Delete(files[0]);
        await File.WriteAllTextAsync(files[1], "second");
        for (var i = 0; i < 2; i++)
        {
            time.Advance(FileWatch.PollInterval);
            await partners.Polling;
        }

        await partners.Partners[1].Authorizer.AuthorizeAsync(Some("04AABBCC"), CancellationToken.None);
        Assert.Equal("Token second", _server.Requests[0].Headers["Authorization"]);
        Assert.NotNull(partners.Partners[0].Misconfiguration);
        Assert.Null(partners.Partners[1].Misconfiguration);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void FilesThatCannotBeUsed_AreAllListed()
    {
        var error = Assert.Throws<InvalidSettingsException>(() =>
            new OcpiPartners(
                OcpiQuestions.Settings(partners: [Partner(name: "tnm"), Partner(name: "stc")]),
                new FakeTimeProvider()
            )
        );

        Assert.Collection(
            error.Problems,
            problem => Assert.Contains("of 'tnm' cannot be used", problem, StringComparison.Ordinal),
            problem => Assert.Contains("of 'stc' cannot be used", problem, StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("Emaid", "OTHER", "NL-TNM-C00122045-K", "NL-TNM-C00122045-K")]
    [InlineData("Emaid", "OTHER", "NLTNMC00122045K", "NLTNMC00122045K")]
    [InlineData("Rfid", "RFID", "04:aa:bb:cc", "04AABBCC")]
    [InlineData("Rfid", "ISO14443", "04:aa:bb:cc", "04AABBCC")]
    [InlineData("Rfid", "APP_USER", "0b7c1d2e-3f40-4a51-8b62-9c73ad84be95", "0b7c1d2e-3f40-4a51-8b62-9c73ad84be95")]
    [InlineData("Upper", "APP_USER", "app-user", "APP-USER")]
    [InlineData("None", "APP_USER", "app-user", "app-user")]
    public async Task IdentifierThatIsNoCard_IsAskedAsItWasWritten_OthersAsTheyAreNormalized(
        string normalize,
        string type,
        string uid,
        string asked
    )
    {
        var reader = new TokenReader(areTyped: true, Enum.Parse<TokenNormalization>(normalize));
        var token = DriverToken.TryCreate(TypedToken.Of(type, uid), DriverTokenRules.Widest)!;

        await AskAsync(Partner(_server.Tokens), Queries.Some() with { Identity = reader.Read(token) });

        Assert.Contains(
            $"/{Uri.EscapeDataString(asked)}/authorize",
            _server.Requests[0].Target,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("2.2.1", nameof(OcpiTokenEncoding.Auto), true)]
    [InlineData("2.3.0", nameof(OcpiTokenEncoding.Auto), true)]
    [InlineData("2.1.1", nameof(OcpiTokenEncoding.Auto), false)]
    [InlineData("2.1.1", nameof(OcpiTokenEncoding.Base64), true)]
    [InlineData("2.2.1", nameof(OcpiTokenEncoding.Plain), false)]
    public async Task Credentials_AreEncodedAsThePartnerWantsThem(string version, string encoding, bool isBase64)
    {
        await AskAsync(Partner(_server.Tokens, encoding: Enum.Parse<OcpiTokenEncoding>(encoding)), Some(), version);

        var sent = isBase64 ? Convert.ToBase64String(Encoding.UTF8.GetBytes(Credentials)) : Credentials;
        Assert.Equal($"Token {sent}", _server.Requests[0].Headers["Authorization"]);
    }

    [Fact]
    public async Task Headers_NameTheMessageAndBothParties()
    {
        var query = Some();
        using var authorizer = Authorizer(Partner(_server.Tokens), new FakeTimeProvider());
        await authorizer.AuthorizeAsync(query, default);
        await authorizer.AuthorizeAsync(query, default);

        var (first, second) = (_server.Requests[0].Headers, _server.Requests[1].Headers);
        Assert.Equal(["DE", "ALL", "NL", "TNM"], Routing.Select(name => first[name]));
        Assert.Equal(query.RequestId.ToString(), first["X-Correlation-ID"]);
        Assert.Equal(query.RequestId.ToString(), second["X-Correlation-ID"]);
        Assert.NotEqual(first["X-Request-ID"], second["X-Request-ID"]);
        Assert.False(first.ContainsKey("traceparent"));
        Assert.Equal(1, _server.Connections);
    }

    [Fact]
    public async Task Hub_IsLeftToFindTheAddressee()
    {
        await AskAsync(Partner(_server.Tokens, kind: OcpiPartnerKind.Hub, parties: []), Some());

        Assert.Equal(Routing[..2], Routing.Where(_server.Requests[0].Headers.ContainsKey));
    }

    [Fact]
    public async Task Version211_KnowsNeitherMessageIdsNorParties()
    {
        await AskAsync(Partner(_server.Tokens), Some(), "2.1.1");

        var headers = _server.Requests[0].Headers;
        Assert.DoesNotContain(
            headers.Keys,
            name => name.StartsWith("OCPI-", StringComparison.OrdinalIgnoreCase) || Routing.Contains(name)
        );
        Assert.False(headers.ContainsKey("X-Request-ID") || headers.ContainsKey("X-Correlation-ID"));
    }

    [Theory]
    [InlineData(nameof(OcpiLocation.Optional), "LOC1", "E1,E2", """{"location_id":"LOC1","evse_uids":["E1","E2"]}""")]
    [InlineData(nameof(OcpiLocation.Required), "LOC1", "", """{"location_id":"LOC1","evse_uids":[]}""")]
    [InlineData(nameof(OcpiLocation.Optional), "L\"1", "", """{"location_id":"L\u00221","evse_uids":[]}""")]
    [InlineData(nameof(OcpiLocation.Never), "LOC1", "E1", "")]
    [InlineData(nameof(OcpiLocation.Optional), null, "", "")]
    public async Task Location_IsSentByTheSetting(string location, string? id, string evses, string body)
    {
        var mapping = new StationMapping(id, evses.Split(',', StringSplitOptions.RemoveEmptyEntries));

        await AskAsync(Partner(_server.Tokens, location: Enum.Parse<OcpiLocation>(location)), Some(mapping: mapping));

        var request = _server.Requests[0];
        Assert.Equal(body, request.Body);
        Assert.Equal(body.Length > 0, request.Headers.GetValueOrDefault("Content-Type") == "application/json");
        Assert.Equal($"{body.Length}", request.Headers["Content-Length"]);
        if (body.Length > 0)
            using (JsonDocument.Parse(body)) { }
    }

    private static async Task<AuthorizerAnswer> AskAsync(
        OcpiPartnerSettings partner,
        AuthorizationQuery query,
        string version = "2.2.1"
    )
    {
        using var authorizer = Authorizer(partner, new FakeTimeProvider(), version);
        return await authorizer.AuthorizeAsync(query, default);
    }
}
