using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AkkaCharging.Connections;
using AkkaCharging.Files;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Connections;

/// <summary>
/// The certificate that a listener presents, and the authority by which it validates callers' certificates.
/// </summary>
/// <remarks>
/// Changed files take effect for new connections without a restart. When files cannot be used, for example while only
/// one of certificate and key was replaced, the current certificate stays in force and the problem is reported. Nothing
/// is downloaded to complete or check a chain: <see cref="PeerCertificates"/>.
/// </remarks>
internal sealed class ListenerCertificate : IDisposable
{
    private const int CharsMax = 1_048_576;
    private readonly string _block;
    private readonly ListenerTlsSettings _tls;
    private readonly WatchedFiles<Loaded> _files;

    /// <summary>Reads the files and starts watching them.</summary>
    /// <param name="block">The settings block that names the files: <c>server</c> or <c>management</c>.</param>
    /// <param name="onReload">Called after each reload with the problem, or null; must not throw or block.</param>
    /// <exception cref="InvalidSettingsException">A file cannot be used.</exception>
    public ListenerCertificate(
        string block,
        ListenerTlsSettings tls,
        TimeProvider time,
        Action<string?>? onReload = null
    )
    {
        (_block, _tls) = (block, tls);
        string[] paths = [tls.CertificateFile, tls.KeyFile, tls.ClientAuthorityFile];
        _files = new(
            paths.Where(path => path.Length > 0),
            time,
            Load,
            (path, problem) => Unusable(SettingOf(path), path, problem),
            (_, problem) => onReload?.Invoke(problem)
        );
    }

    /// <summary>When the certificate expires.</summary>
    public DateTimeOffset ExpiresAt => _files.Current.ExpiresAt;

    /// <summary>Why the certificate in force is older than its files; null when it is current.</summary>
    public string? Problem => _files.Problem;

    /// <summary>The latest poll of the files, for tests to await.</summary>
    internal Task Polling => _files.Polling;

    /// <summary>Creates the options of a new connection.</summary>
    public SslServerAuthenticationOptions Options()
    {
        var loaded = _files.Current;
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = loaded.Context,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            EnabledSslProtocols = PeerCertificates.Versions,
        };
        if (loaded.ClientPolicy is null)
            return options;

        // A missing certificate is accepted here, so that probes need none; CallerAccess rejects it.
        options.ClientCertificateRequired = true;
        options.CertificateChainPolicy = loaded.ClientPolicy;
        options.RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
            certificate is null || errors == SslPolicyErrors.None;
        return options;
    }

    /// <summary>Stops watching at once; a reload in progress has no effect.</summary>
    public void Dispose() => _files.Dispose();

    private Loaded Load()
    {
        var pem = ReadText("certificateFile", _tls.CertificateFile);
        var key = _tls.KeyFile.Length > 0 ? ReadText("keyFile", _tls.KeyFile) : pem;
        var clientCa = _tls.ClientAuthorityFile.Length > 0 ? ReadText("clientCaFile", _tls.ClientAuthorityFile) : null;
        try
        {
            var own =
                _tls.Password.Length > 0
                    ? X509Certificate2.CreateFromEncryptedPem(pem, key, _tls.Password)
                    : X509Certificate2.CreateFromPem(pem, key);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPem(pem);
            return new(
                SslStreamCertificateContext.Create(own, chain, offline: true),
                new DateTimeOffset(own.NotAfter),
                clientCa is null ? null : ClientPolicy(clientCa)
            );
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw Unusable("certificateFile", _tls.CertificateFile, $"with its key: {e.Message.TrimEnd('.')}");
        }
    }

    private X509ChainPolicy ClientPolicy(string pem)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(pem);
        }
        catch (CryptographicException e)
        {
            throw Unusable("clientCaFile", _tls.ClientAuthorityFile, e.Message.TrimEnd('.'));
        }

        var policy = PeerCertificates.Policy();
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        foreach (var authority in authorities)
            (IsSelfSigned(authority) ? policy.CustomTrustStore : policy.ExtraStore).Add(authority);
        return policy.CustomTrustStore.Count > 0
            ? policy
            : throw Unusable("clientCaFile", _tls.ClientAuthorityFile, "it contains no self-signed certificate");
    }

    private string ReadText(string setting, string path)
    {
        try
        {
            return RegularFile.ReadText(path, CharsMax)
                ?? throw Unusable(setting, path, $"it is longer than {CharsMax} characters");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(setting, path, ShownValue.Reason(e, path), e);
        }
    }

    private string SettingOf(string path) =>
        string.Equals(path, _tls.CertificateFile, StringComparison.Ordinal) ? "certificateFile"
        : string.Equals(path, _tls.KeyFile, StringComparison.Ordinal) ? "keyFile"
        : "clientCaFile";

    private InvalidSettingsException Unusable(string setting, string path, string problem, Exception? cause = null) =>
        new([$"{_block}.tls.{setting} = '{ShownValue.OfFile(path)}' cannot be used ({problem}); expected PEM."], cause);

    private static bool IsSelfSigned(X509Certificate2 certificate) =>
        certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData);

    private sealed record Loaded(
        SslStreamCertificateContext Context,
        DateTimeOffset ExpiresAt,
        X509ChainPolicy? ClientPolicy
    );
}

/// <summary>The certificates of both listeners; null for one with plain HTTP.</summary>
internal sealed record ListenerCertificates(ListenerCertificate? Callers, ListenerCertificate? Operators) : IDisposable
{
    /// <summary>The existing certificates, by the block that names them.</summary>
    public IEnumerable<(string Name, ListenerCertificate Certificate)> All =>
        new[] { ("server", Callers), ("management", Operators) }
            .Where(listener => listener.Item2 is not null)
            .Select(listener => (listener.Item1, listener.Item2!));

    /// <inheritdoc/>
    public void Dispose()
    {
        Callers?.Dispose();
        Operators?.Dispose();
    }
}
