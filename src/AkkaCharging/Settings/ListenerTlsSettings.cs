using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Whether callers have to show a certificate: <c>server.tls.clientCertificates</c>.</summary>
internal enum ClientCertificates
{
    /// <summary>No certificate is asked for.</summary>
    None,

    /// <summary>Submissions and look-ups need one of <c>server.tls.clientCaFile</c>.</summary>
    Required,
}

/// <summary>Block <c>management.tls</c>, and what <c>server.tls</c> has of it: TLS of a listener.</summary>
/// <param name="CertificateFile">PEM: the certificate and its intermediates. Empty for plain HTTP.</param>
/// <param name="KeyFile">PEM of the private key; empty when it is in <paramref name="CertificateFile"/>.</param>
/// <param name="Password">Password of an encrypted key; empty for none.</param>
internal record ListenerTlsSettings(string CertificateFile, string KeyFile, string Password)
{
    /// <summary>Whether the listener speaks TLS.</summary>
    public bool IsOn => CertificateFile.Length > 0;

    /// <summary>PEM of the authority of the certificates that clients have to show; empty without any.</summary>
    public virtual string ClientAuthorityFile => "";

    internal static ListenerTlsSettings Read(HoconSection hocon) =>
        new(
            CertificateFile: hocon.Text("certificateFile"),
            KeyFile: hocon.Text("keyFile"),
            Password: hocon.One("password", SettingKind.Secret)
        );
}

/// <summary>Block <c>server.tls</c>: TLS of the public listener.</summary>
/// <param name="ClientCaFile">PEM of the authority of callers' certificates; empty for none.</param>
internal sealed record CallerTlsSettings(
    string CertificateFile,
    string KeyFile,
    string Password,
    ClientCertificates ClientCertificates,
    string ClientCaFile
) : ListenerTlsSettings(CertificateFile, KeyFile, Password)
{
    /// <summary>The settings of a listener with those of its clients.</summary>
    public CallerTlsSettings(
        ListenerTlsSettings tls,
        ClientCertificates clientCertificates = ClientCertificates.None,
        string clientCaFile = ""
    )
        : this(tls.CertificateFile, tls.KeyFile, tls.Password, clientCertificates, clientCaFile) { }

    /// <summary>Whether callers have to show a certificate.</summary>
    public bool NeedsClientCertificate => ClientCertificates == ClientCertificates.Required;

    public override string ClientAuthorityFile => NeedsClientCertificate ? ClientCaFile : "";

    internal static new CallerTlsSettings Read(HoconSection hocon) =>
        new(
            ListenerTlsSettings.Read(hocon),
            hocon.Choice<ClientCertificates>("clientCertificates"),
            hocon.Text("clientCaFile")
        );
}
