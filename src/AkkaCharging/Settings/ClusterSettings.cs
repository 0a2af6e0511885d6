using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Block <c>cluster</c>.</summary>
/// <param name="Hostname">Where other nodes reach this one; the same name is never two nodes'.</param>
/// <param name="BindHostname">The interface to listen on; empty for <paramref name="Hostname"/>.</param>
/// <param name="SeedNodes"><c>host:port</c> of nodes to join by; the first of them may found the cluster.</param>
/// <param name="Lanes">Of the whole cluster.</param>
/// <param name="UnreachableAfter">Without a sign of life until a node counts as unreachable.</param>
/// <param name="DownAfter">Unreachable nodes without a change until the majority goes on without them, and the others
/// end.</param>
/// <param name="AllowPlaintext">Says explicitly that nodes on other machines may be talked to without TLS.</param>
internal sealed record ClusterSettings(
    bool Enabled,
    string Hostname,
    int Port,
    string BindHostname,
    IReadOnlyList<string> SeedNodes,
    int Lanes,
    TimeSpan UnreachableAfter,
    TimeSpan DownAfter,
    bool AllowPlaintext,
    ClusterTlsSettings Tls
)
{
    /// <summary>Address that this node listens on for others.</summary>
    public string Interface => BindHostname.Length > 0 ? BindHostname : Hostname;

    internal static ClusterSettings Read(HoconSection hocon) =>
        new(
            Enabled: hocon.Flag("enabled"),
            Hostname: hocon.One("hostname", SettingKind.Host),
            Port: hocon.Count("port", min: 0, max: 65_535),
            BindHostname: hocon.One("bindHostname", SettingKind.OptionalHost),
            SeedNodes: hocon.Many("seedNodes", SettingKind.HostAndPort),
            Lanes: hocon.Count("lanes", min: 1, max: 1_024),
            UnreachableAfter: hocon.Duration("unreachableAfterMillis", min: 500, max: 60_000),
            DownAfter: hocon.Duration("downAfterMillis", min: 1_000, max: 300_000),
            AllowPlaintext: hocon.Flag("allowPlaintext"),
            Tls: ClusterTlsSettings.Read(hocon.Section("tls"))
        );
}

/// <summary>Block <c>cluster.tls</c>: nodes prove who they are to each other.</summary>
/// <param name="CertificateFile">PKCS #12: this node's certificate with its private key, and the certificate of its
/// authority; or one self-signed certificate, the same on every node. Empty for no TLS.</param>
internal sealed record ClusterTlsSettings(string CertificateFile, string Password)
{
    /// <summary>Whether nodes talk over TLS.</summary>
    public bool IsOn => CertificateFile.Length > 0;

    internal static ClusterTlsSettings Read(HoconSection hocon) =>
        new(CertificateFile: hocon.Text("certificateFile"), Password: hocon.One("password", SettingKind.Secret));
}
