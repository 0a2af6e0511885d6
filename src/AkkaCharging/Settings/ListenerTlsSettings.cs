using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Whether callers must present a certificate: <c>server.tls.clientCertificates</c>.</summary>
internal enum ClientCertificates
{
    /// <summary>No certificate is requested.</summary>
    None,

    /// <summary>Submissions and look-ups require a certificate of <c>server.tls.clientCaFile</c>.</summary>
    Required,
}

/// <summary>Block <c>management.tls</c>, and the same settings of <c>server.tls</c>: TLS of a listener.</summary>
/// <param name="CertificateFile">Path of a PEM file with the certificate and its intermediates; empty for plain
/// HTTP.</param>
/// <param name="KeyFile">Path of a PEM file with the private key; empty when it is in
/// <paramref name="CertificateFile"/>.</param>
/// <param name="Password">Password of an encrypted key; empty for none.</param>
internal record ListenerTlsSettings(string CertificateFile, string KeyFile, string Password)
{
    /// <summary>Whether the listener uses TLS.</summary>
    public bool IsOn => CertificateFile.Length > 0;

    /// <summary>Path of a PEM file with the authority of clients' certificates; empty when none are required.</summary>
    public virtual string ClientAuthorityFile => "";

    internal static ListenerTlsSettings Read(HoconSection hocon) =>
        new(
            CertificateFile: hocon.Text("certificateFile"),
            KeyFile: hocon.Text("keyFile"),
            Password: hocon.One("password", SettingKind.Secret)
        );
}

/// <summary>Block <c>server.tls</c>: TLS of the public listener.</summary>
/// <param name="ClientCaFile">Path of a PEM file with the authority of callers' certificates; empty for none.</param>
internal sealed record CallerTlsSettings(
    string CertificateFile,
    string KeyFile,
    string Password,
    ClientCertificates ClientCertificates,
    string ClientCaFile
) : ListenerTlsSettings(CertificateFile, KeyFile, Password)
{
    /// <summary>Combines the settings of a listener with the settings for its callers' certificates.</summary>
    public CallerTlsSettings(
        ListenerTlsSettings tls,
        ClientCertificates clientCertificates = ClientCertificates.None,
        string clientCaFile = ""
    )
        : this(tls.CertificateFile, tls.KeyFile, tls.Password, clientCertificates, clientCaFile) { }

    /// <summary>Whether callers must present a certificate.</summary>
    public bool NeedsClientCertificate => ClientCertificates == ClientCertificates.Required;

    public override string ClientAuthorityFile => NeedsClientCertificate ? ClientCaFile : "";

    internal static new CallerTlsSettings Read(HoconSection hocon) =>
        new(
            ListenerTlsSettings.Read(hocon),
            hocon.Choice<ClientCertificates>("clientCertificates"),
            hocon.Text("clientCaFile")
        );
}
