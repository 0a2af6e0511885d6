using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AkkaCharging.Files;
using AkkaCharging.Host.Cli;
using AkkaCharging.Host.Connections;
using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Connections;

/// <summary>TLS of both listeners.</summary>
[Trait("Category", "Component")]
public sealed class ListenerTlsTests : IDisposable
{
    private const string ForServers = "1.3.6.1.5.5.7.3.1";
    private const string ForClients = "1.3.6.1.5.5.7.3.2";

    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-tls-").FullName;
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly List<string?> _reloads = [];
    private readonly X509Certificate2 _root = Issue("CN=root", issuer: null, days: 400);
    private readonly X509Certificate2 _middle;

    public ListenerTlsTests() => _middle = Issue("CN=middle", _root, isAuthority: true, days: 300);

    public void Dispose()
    {
        _root.Dispose();
        _middle.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task BothListeners_SpeakTls_WithTheirIntermediates()
    {
        await using var service = await StartAsync(Tls("server"), Tls("management"));

        foreach (var address in new[] { service.Http.BaseAddress!, service.Management.BaseAddress! })
        {
            Assert.Equal("https", address.Scheme);
            var (subject, status) = await AskAsync(address, "/health/live");
            var expected = address == service.Http.BaseAddress ? ("CN=server", 200) : ("CN=management", 404);
            Assert.Equal(expected, (subject, status));
        }
    }

    [Fact]
    public async Task VersionsOfTls_AreNotLeftToTheSystem()
    {
        await using var service = await StartAsync(Tls("server"), Tls("management"));

        var listeners = service.App.Services.GetRequiredService<ListenerCertificates>().All.ToList();

        Assert.Equal(["server", "management"], listeners.Select(listener => listener.Name));
        Assert.All(
            listeners,
            listener =>
                Assert.Equal(
                    SslProtocols.Tls12 | SslProtocols.Tls13,
                    listener.Certificate.Options().EnabledSslProtocols
                )
        );
    }

    [Fact]
    public async Task WindowsOfHttp2_AreSmallerThanThoseOfDotNet()
    {
        await using var service = await StartAsync(Tls("server"), Plain);

        var http2 = service.App.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits.Http2;

        Assert.Equal((131_072, 65_536), (http2.InitialConnectionWindowSize, http2.InitialStreamWindowSize));
    }

    [Fact]
    public async Task BodyOverTheLimit_Returns413_OverHttp2()
    {
        await using var service = await StartAsync(Tls("server"), Plain);
        using var http = Client(service.Http.BaseAddress!, own: null);
        using var request = Api.Post(new string(' ', SettingsLoader.Defaults.Server.MaxRequestBodyBytes + 1));
        (request.Version, request.VersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);

        using var refused = await http.SendAsync(request);

        Assert.Equal(HttpVersion.Version20, refused.Version);
        await Api.RefusedAsync(refused, 413, "payload_too_large");
    }

    [Fact]
    public async Task ReplacedFiles_HoldForNewConnections_AndBrokenOnesKeepTheCertificate()
    {
        await using var service = await StartAsync(Tls("server"), Plain);
        var certificate = service.App.Services.GetRequiredService<ListenerCertificates>().Callers!;
        var address = service.Http.BaseAddress!;
        Assert.Equal("CN=server", (await AskAsync(address)).Subject);

        Write("server", "CN=second");
        await PollAsync(certificate);
        Assert.Equal("CN=second", (await AskAsync(address)).Subject);
        Assert.Equal("UP", (await TlsComponentAsync(address)).Status);

        await File.WriteAllTextAsync(PathOf("server.pem"), "-----BEGIN CERTIFICATE-----\ncanary\n");
        await PollAsync(certificate);
        Assert.Equal("CN=second", (await AskAsync(address)).Subject);
        var (status, text) = await TlsComponentAsync(address);
        Assert.Equal("DEGRADED", status);
        Assert.DoesNotContain(_folder, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task KeyOfAnotherCertificate_IsReported_UntilBothAreThere()
    {
        using var certificate = Read(Tls("server"));

        var (pem, key) = Pem(Issue("CN=second", _middle, ForServers));
        await File.WriteAllTextAsync(PathOf("server.key"), key);
        await PollAsync(certificate);
        Assert.Contains("cannot be used (with its key: ", certificate.Problem, StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE", certificate.Problem, StringComparison.Ordinal);

        await File.WriteAllTextAsync(PathOf("server.pem"), pem);
        await PollAsync(certificate);
        Assert.Null(certificate.Problem);
        Assert.Equal("CN=second", certificate.Options().ServerCertificateContext!.TargetCertificate.Subject);
        Assert.Null(_reloads[^1]);
    }

    [Fact]
    public void EncryptedKeyInTheSameFile_IsReadWithItsPassword()
    {
        using var own = Issue("CN=server", _middle, ForServers);
        var key = own.GetECDsaPrivateKey()!
            .ExportEncryptedPkcs8PrivateKeyPem(
                "s3cret",
                new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1_000)
            );
        File.WriteAllText(PathOf("one.pem"), Pem(own).Certificates + key);

        using var certificate = Read(new(PathOf("one.pem"), "", "s3cret"));
        Assert.True(certificate.ExpiresAt > _time.GetUtcNow());
        var error = Assert.Throws<InvalidSettingsException>(() => Read(new(PathOf("one.pem"), "", "wrong")));
        Assert.DoesNotContain("wrong", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("absent.pem", "server.key", "", "server.tls.certificateFile = '")]
    [InlineData("server.pem", "absent.key", "", "server.tls.keyFile = '")]
    [InlineData("server.pem", "server.key", "absent.ca", "server.tls.clientCaFile = '")]
    [InlineData("server.pem", "server.key", "middle.ca", "it contains no self-signed certificate")]
    [InlineData("server.pem", "server.pem", "", "cannot be used (with its key: ")]
    public void FileThatCannotBeUsed_StopsTheStart_AndIsNamed(string own, string key, string ca, string problem)
    {
        Tls("server");
        File.WriteAllText(PathOf("middle.ca"), _middle.ExportCertificatePem());

        var error = Assert.Throws<InvalidSettingsException>(() =>
            Read(
                ca.Length > 0
                    ? new CallerTlsSettings(PathOf(own), PathOf(key), "", ClientCertificates.Required, PathOf(ca))
                    : new ListenerTlsSettings(PathOf(own), PathOf(key), "")
            )
        );

        Assert.Contains(problem, Assert.Single(error.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(14.1, "UP")]
    [InlineData(13.9, "DEGRADED")]
    [InlineData(-1, "DEGRADED")]
    public async Task CertificateThatExpiresSoon_IsToldByHealth(double days, string status)
    {
        await using var service = await StartAsync(Tls("server", days), Plain);

        Assert.Equal(status, (await TlsComponentAsync(service.Http.BaseAddress!)).Status);
    }

    [Fact]
    public async Task RequiredClientCertificate_IsThatOfTheAuthority_AndProbesNeedNone()
    {
        await File.WriteAllTextAsync(
            PathOf("ca.pem"),
            _root.ExportCertificatePem() + "\n" + _middle.ExportCertificatePem()
        );
        var tls = new CallerTlsSettings(Tls("server"), ClientCertificates.Required, PathOf("ca.pem"));
        await using var service = await StartAsync(tls, Plain);
        var address = service.Http.BaseAddress!;
        using var right = Usable(Issue("CN=partner", _middle, ForClients));
        using var stranger = Issue("CN=stranger", issuer: null, days: 400);
        using var strangers = Usable(Issue("CN=partner", stranger, ForClients));
        using var server = Usable(Issue("CN=partner", _middle, ForServers));
        using var expired = Usable(Issue("CN=partner", _middle, ForClients, days: -1));

        Assert.Equal(200, await SubmitAsync(address, right));
        Assert.Equal(403, await SubmitAsync(address, own: null));
        foreach (var path in new[] { "/health/ready", "/health" })
            Assert.Equal(200, (await AskAsync(address, path)).Status);
        Assert.Equal(403, (await AskAsync(address, $"{Api.Submit}/req-x")).Status);
        foreach (var wrong in new[] { strangers, server, expired })
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => SubmitAsync(address, wrong));
    }

    [Fact]
    public async Task HealthCommand_AsksOverTls_AndNeedsNoCertificate()
    {
        await File.WriteAllTextAsync(PathOf("ca.pem"), _root.ExportCertificatePem());
        var tls = new CallerTlsSettings(Tls("server"), ClientCertificates.Required, PathOf("ca.pem"));
        await using var service = await StartAsync(tls, Tls("management"));

        Assert.Equal((0, ""), await CheckHealthAsync(service, tls));
        var (exitCode, error) = await CheckHealthAsync(service, Plain);
        Assert.Equal(1, exitCode);
        Assert.StartsWith("No answer from http://127.0.0.1:", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task HealthCommand_OfATlsListenerThatIsPlain_Exits1()
    {
        await using var service = await StartAsync(Plain, Plain);

        var (exitCode, error) = await CheckHealthAsync(service, Tls("server"));

        Assert.Equal(1, exitCode);
        Assert.StartsWith("No answer from https://127.0.0.1:", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("management", 0, "")]
    [InlineData("other", 1, "Its certificate is not that of management.tls.certificateFile")]
    public async Task OperatorsToken_GoesToTheCertificateOfTheSettingsOnly(string named, int expected, string problem)
    {
        var (own, other) = (Tls("management"), Tls("other"));
        await using var service = await StartAsync(Plain, own);

        var (exitCode, error) = await ListReceiversAsync(service, named == "management" ? own : other);

        Assert.Equal(expected, exitCode);
        Assert.Contains(problem, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OperatorsToken_GoesToNoCopyOfTheCertificatesNames()
    {
        var own = Tls("management");
        using var issued = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(own.CertificateFile));
        using var stranger = Issue(_middle.Subject, issuer: null, days: 400);
        var (pem, key) = Pem(Issue(issued.Subject, stranger, ForServers, serial: issued.SerialNumberBytes.ToArray()));
        await File.WriteAllTextAsync(PathOf("copy.pem"), pem);
        await File.WriteAllTextAsync(PathOf("copy.key"), key);
        await using var service = await StartAsync(Plain, new(PathOf("copy.pem"), PathOf("copy.key"), ""));

        var (exitCode, error) = await ListReceiversAsync(service, own);

        Assert.Equal(1, exitCode);
        Assert.Contains("Its certificate is not that of", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("absent.pem", "absent.pem")]
    [InlineData("empty.pem", "management.tls.certificateFile contains no certificate")]
    public async Task OperatorsToken_IsNotSentWithoutACertificateToCompare(string file, string problem)
    {
        await using var service = await StartAsync(Plain, Tls("management"));
        await File.WriteAllTextAsync(PathOf("empty.pem"), "canary");

        var (exitCode, error) = await ListReceiversAsync(service, new(PathOf(file), "", ""));

        Assert.Equal(1, exitCode);
        Assert.Contains(problem, error, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.5", true)]
    [InlineData("::ffff:127.0.0.1", "::ffff:127.0.0.5", true)]
    [InlineData("192.0.2.1", "192.0.2.1", true)]
    [InlineData("2001:db8::1", "2001:db8::1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("::ffff:192.0.2.1", "::ffff:192.0.2.2", false)]
    [InlineData("fe80::1", "fe80::2", false)]
    public void ConnectionWithoutTls_StaysOnThisMachine(string local, string remote, bool expected) =>
        Assert.Equal(expected, LoopbackHttp.IsHere(IPAddress.Parse(local), IPAddress.Parse(remote)));

    [Fact]
    public async Task PlainHttpToATlsListener_HasNoAnswer()
    {
        await using var service = await StartAsync(Tls("server"), Plain);
        using var plain = new HttpClient();

        await Assert.ThrowsAnyAsync<HttpRequestException>(() =>
            plain.GetAsync(new Uri($"http://{service.Http.BaseAddress!.Authority}/health/live"))
        );
    }

    private static ListenerTlsSettings Plain => new("", "", "");

    private ListenerTlsSettings Tls(string name, double days = 60)
    {
        Write(name, $"CN={name}", days);
        return new(PathOf($"{name}.pem"), PathOf($"{name}.key"), "");
    }

    private void Write(string name, string subject, double days = 60)
    {
        var (pem, key) = Pem(Issue(subject, _middle, ForServers, days: days));
        File.WriteAllText(PathOf($"{name}.pem"), pem);
        File.WriteAllText(PathOf($"{name}.key"), key);
    }

    private (string Certificates, string Key) Pem(X509Certificate2 own) =>
        (
            own.ExportCertificatePem() + "\n" + _middle.ExportCertificatePem() + "\n",
            own.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()
        );

    private async Task<(int ExitCode, string Error)> CheckHealthAsync(RunningService service, ListenerTlsSettings tls)
    {
        var config = PathOf($"{Guid.NewGuid():N}.conf");
        await File.WriteAllTextAsync(
            config,
            $$"""
            server { host = "127.0.0.1", port = {{service.Http.BaseAddress!.Port}}
              tls { certificateFile = "{{tls.CertificateFile}}", keyFile = "{{tls.KeyFile}}" }
            }
            """
        );
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await CommandLine.RunAsync(["health", "--config", config], TextReader.Null, output, error);
        Assert.Equal(exitCode == 0, output.ToString().StartsWith("{\"status\":\"UP\"", StringComparison.Ordinal));
        return (exitCode, error.ToString());
    }

    private async Task<(int ExitCode, string Error)> ListReceiversAsync(RunningService service, ListenerTlsSettings tls)
    {
        var config = PathOf($"{Guid.NewGuid():N}.conf");
        await File.WriteAllTextAsync(
            config,
            $$"""
            server.host = "127.0.0.1"
            management { port = {{service.Management.BaseAddress!.Port}}, token = "canary-token"
              tls { certificateFile = "{{tls.CertificateFile}}", keyFile = "{{tls.KeyFile}}" }
            }
            """
        );
        var error = new StringWriter();
        var exitCode = await CommandLine.RunAsync(
            ["receivers", "list", "--config", config],
            TextReader.Null,
            TextWriter.Null,
            error
        );
        return (exitCode, error.ToString());
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private ListenerCertificate Read(ListenerTlsSettings tls) => new("server", tls, _time, _reloads.Add);

    private async Task PollAsync(ListenerCertificate certificate)
    {
        for (var i = 0; i < 3; i++)
        {
            _time.Advance(FileWatch.PollInterval);
            await certificate.Polling;
        }
    }

    private Task<RunningService> StartAsync(ListenerTlsSettings server, ListenerTlsSettings management) =>
        RunningService.StartAsync(
            settings =>
                settings
                    .WithServer(of =>
                        of with
                        {
                            ShutdownGrace = TimeSpan.Zero,
                            Tls = server as CallerTlsSettings ?? new(server),
                        }
                    )
                    .WithManagement(of => of with { Tls = management }),
            services => services.AddTime(_time)
        );

    /// <summary>A client that trusts the root only, so that the listener has to send its intermediates.</summary>
    private HttpClient Client(Uri address, X509Certificate2? own, Action<string>? seen = null)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, _) =>
        {
            seen?.Invoke(certificate!.Subject);
            return chain!.ChainElements.Any(element => element.Certificate.Thumbprint == _root.Thumbprint)
                && chain.ChainElements.Any(element => element.Certificate.Thumbprint == _middle.Thumbprint);
        };
        handler.SslOptions.CertificateChainPolicy = new()
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            CustomTrustStore = { _root },
        };
        if (own is not null)
            handler.SslOptions.ClientCertificateContext = SslStreamCertificateContext.Create(
                own,
                [_middle],
                offline: true
            );
        return new HttpClient(handler) { BaseAddress = address };
    }

    private async Task<(string Subject, int Status)> AskAsync(Uri address, string path = "/health/live")
    {
        var subject = "";
        using var http = Client(address, own: null, seen => subject = seen);
        using var answer = await http.GetAsync(path);
        return (subject, (int)answer.StatusCode);
    }

    private async Task<int> SubmitAsync(Uri address, X509Certificate2? own)
    {
        using var http = Client(address, own);
        using var answer = await http.SendAsync(Api.Post(Api.Body()));
        return (int)answer.StatusCode;
    }

    private async Task<(string Status, string Text)> TlsComponentAsync(Uri address)
    {
        using var http = Client(address, own: null);
        using var answer = await http.GetAsync("/health");
        var component = (await Api.BodyOf(answer)).GetProperty("components").GetProperty("tls");
        return (component.GetProperty("status").GetString()!, component.GetRawText());
    }

    /// <summary>A copy whose key TLS can use on every platform.</summary>
    private static X509Certificate2 Usable(X509Certificate2 certificate) =>
        X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null);

    private static X509Certificate2 Issue(
        string subject,
        X509Certificate2? issuer,
        string? usage = null,
        bool isAuthority = false,
        double days = 60,
        byte[]? serial = null
    )
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(
                isAuthority || issuer is null,
                hasPathLengthConstraint: false,
                pathLengthConstraint: 0,
                critical: true
            )
        );
        if (usage is not null)
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        var (from, to) = (TimeProvider.System.GetUtcNow().AddDays(-30), TimeProvider.System.GetUtcNow().AddDays(days));
        return issuer is null
            ? request.CreateSelfSigned(from, to)
            : request.Create(issuer, from, to, serial ?? RandomNumberGenerator.GetBytes(8)).CopyWithPrivateKey(key);
    }
}
