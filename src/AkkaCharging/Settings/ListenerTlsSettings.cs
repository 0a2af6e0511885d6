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

/// <summary>Block <c>server.tls</c> or <c>management.tls</c>: TLS of a listener.</summary>
/// <param name="CertificateFile">PEM: the certificate and its intermediates. Empty for plain HTTP.</param>
/// <param name="KeyFile">PEM of the private key; empty when it is in <paramref name="CertificateFile"/>.</param>
/// <param name="Password">Password of an encrypted key; empty for none.</param>
/// <param name="ClientCaFile">PEM of the authority of callers' certificates; empty for none.</param>
internal sealed record ListenerTlsSettings(
    string CertificateFile,
    string KeyFile,
    string Password,
    ClientCertificates ClientCertificates = ClientCertificates.None,
    string ClientCaFile = ""
)
{
    /// <summary>Whether the listener speaks TLS.</summary>
    public bool IsOn => CertificateFile.Length > 0;

    /// <summary>Whether callers have to show a certificate.</summary>
    public bool NeedsClientCertificate => ClientCertificates == ClientCertificates.Required;

    /// <summary>Reads the block of the operators' listener, which knows no client certificates.</summary>
    internal static ListenerTlsSettings Read(HoconSection hocon) =>
        new(
            CertificateFile: hocon.Text("certificateFile"),
            KeyFile: hocon.Text("keyFile"),
            Password: hocon.One("password", SettingKind.Secret)
        );

    /// <summary>Reads the block of the public listener.</summary>
    internal static ListenerTlsSettings ReadForCallers(HoconSection hocon) =>
        Read(hocon) with
        {
            ClientCertificates = hocon.Choice<ClientCertificates>("clientCertificates"),
            ClientCaFile = hocon.Text("clientCaFile"),
        };
}
