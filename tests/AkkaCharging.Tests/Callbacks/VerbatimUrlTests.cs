using System.Security.Cryptography.X509Certificates;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using AkkaCharging.Tests.AddressPolicy;
using AkkaCharging.Tests.Pipeline;
using CsCheck;

namespace AkkaCharging.Tests.Callbacks;

/// <summary>
/// What a receiver on a real socket reads in the request line is the path and query that were submitted.
/// </summary>
[Trait("Category", "Component")]
public sealed class VerbatimUrlTests : IDisposable
{
    private static readonly TimeSpan Patience = Eventually.Patience;

    private static readonly Gen<string> Piece = Gen.OneOf(
        Gen.Char["abcXYZ0189-._~!$&'()*+,;=:@"].Select(character => character.ToString()),
        Gen.Select(
            Gen.Byte,
            Gen.Bool,
            (octet, isUpper) => "%" + (isUpper ? octet.ToString("X2") : Convert.ToHexStringLower([octet]))
        ),
        Pick(".", "..", "%2E", "%2e%2E", "%41", "%c3%a9", "%00", "%0d%0a", "%2F", "%25", "http://a.b")
    );

    private static readonly Gen<string> Path = Gen.OneOf(Piece, Gen.Const("/"))
        .Array[0, 12]
        .Select(pieces => pieces.Length == 0 ? "" : "/" + string.Concat(pieces));

    private static readonly Gen<string> Query = Gen.OneOf(Piece, Pick("/", "?", "/../", "/./"))
        .Array[0, 12]
        .Select(pieces => "?" + string.Concat(pieces));

    private readonly TlsReceiver _authority = new();
    private readonly X509Certificate2 _certificate;
    private readonly WebhookSigner _signer = new(new([], "", Required: false), TimeProvider.System);
    private readonly CallbackClient _client;

    public VerbatimUrlTests()
    {
        _certificate = _authority.Good();
        var connector = new VettedConnector(
            Policies.Allowing("127.0.0.1/32"),
            new ScriptedResolver(["127.0.0.1"]),
            TimeProvider.System,
            Patience
        );
        var handler = ResendingHandler.Create(
            connector,
            Patience,
            handler =>
                handler.SslOptions.CertificateChainPolicy = new()
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { _authority.Authority },
                    RevocationMode = X509RevocationMode.NoCheck,
                }
        );
        _client = new(handler, connector, _signer, Patience, TimeProvider.System);
    }

    public void Dispose()
    {
        _client.Dispose();
        _signer.Dispose();
        _certificate.Dispose();
        _authority.Dispose();
    }

    /// <summary>
    /// Every fourth request of a connection meets its end and is sent again on a fresh one: all that was read of one
    /// request is the same.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PathAndQuery_ArriveByteForByte(bool isTls)
    {
        await using var receiver = new ClosingReceiver(Ending.Fin, (answered, _) => answered < 3)
        {
            Certificate = isTls ? _certificate : null,
        }.Start();

        await Gen.Select(Path, Gen.OneOf(Gen.Const(""), Query), Gen.Bool)
            .SampleAsync(
                async (path, query, isFromJournal) =>
                {
                    var request = Sample.Request(Authority(receiver) + path + query);
                    if (isFromJournal)
                        request = request with { Callback = CallbackUrl.FromJournal(request.Callback.Text) };

                    await AssertArrivesAsync(receiver, request, (path.Length == 0 ? "/" : path) + query);
                },
                iter: 300,
                threads: 1
            );

        Assert.True(receiver.RequestLines.Count > 300, "Some requests are sent twice.");
    }

    [Theory]
    [InlineData("", "/")]
    [InlineData("?x", "/?x")]
    [InlineData("/q?a=%41", "/q?a=%41")]
    [InlineData("/caf%c3%a9", "/caf%c3%a9")]
    [InlineData("/a/../b", "/a/../b")]
    [InlineData("/a/%2E%2E/b", "/a/%2E%2E/b")]
    [InlineData("/?a=.%2E/", "/?a=.%2E/")]
    [InlineData("//a//", "//a//")]
    public async Task NamedHost_GetsThemToo(string pathAndQuery, string sent)
    {
        await using var receiver = new ClosingReceiver(Ending.Fin, (_, _) => true).Start();
        var port = new Uri(receiver.Url).Port;

        await AssertArrivesAsync(receiver, Sample.Request($"HTTP://Hooks.Example.com.:{port}{pathAndQuery}"), sent);
    }

    /// <summary>As version 0.1.0 sent what it had accepted.</summary>
    [Theory]
    [InlineData("/100%", "/100%25")]
    [InlineData("/%zz?a=%", "/%25zz?a=%25")]
    [InlineData("?a[]=1", "/?a[]=1")]
    [InlineData("/[b]/../{c}?d=<\"^`|>", "/%7Bc%7D?d=%3C%22%5E%60%7C%3E")]
    [InlineData("/%41|", "/A%7C")]
    public async Task StoredUrlThatIsMalformedNow_IsSentAsBefore(string pathAndQuery, string sent)
    {
        await using var receiver = new ClosingReceiver(Ending.Fin, (_, _) => true).Start();
        var text = Authority(receiver) + pathAndQuery;
        Assert.IsType<UrlVerdict.Malformed>(Policies.Allowing("127.0.0.1/32").CheckUrl(text));

        var request = Sample.Request() with { Callback = CallbackUrl.FromJournal(text) };

        Assert.Equal(text, request.Callback.Text);
        await AssertArrivesAsync(receiver, request, sent);
    }

    private static Gen<string> Pick(params string[] values) =>
        Gen.Int[0, values.Length - 1].Select(index => values[index]);

    private static string Authority(ClosingReceiver receiver) =>
        new Uri(receiver.Url).GetLeftPart(UriPartial.Authority);

    private async Task AssertArrivesAsync(ClosingReceiver receiver, ChargingRequest request, string sent)
    {
        var before = receiver.RequestLines.Count;

        var result = await _client.AttemptAsync(request, Sample.Decision(), CancellationToken.None).WaitAsync(Patience);

        Assert.Equal(CallbackOutcome.Success, result.Attempt.Outcome);
        Assert.Equal([$"POST {sent} HTTP/1.1"], receiver.RequestLines.Skip(before).Distinct());
    }
}
