using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Block <c>cluster</c>.</summary>
/// <param name="Hostname">The name or address at which other nodes reach this one; unique to each node.</param>
/// <param name="BindHostname">The interface to listen on; empty for <paramref name="Hostname"/>.</param>
/// <param name="SeedNodes">Nodes to join by, as <c>host:port</c>; the first of them may found the cluster.</param>
/// <param name="Lanes">Number of lanes of the whole cluster.</param>
/// <param name="UnreachableAfter">Time without a heartbeat after which a node counts as unreachable.</param>
/// <param name="DownAfter">Time without a change of the unreachable nodes after which the majority continues without
/// them, and the other nodes end.</param>
/// <param name="AllowPlaintext">Whether other machines may be connected without TLS.</param>
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
    /// <summary>The address that this node listens on for other nodes.</summary>
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

/// <summary>Block <c>cluster.tls</c>: mutual authentication of the nodes.</summary>
/// <param name="CertificateFile">Path of a PKCS #12 file with this node's certificate, its private key and the
/// certificate of its authority; or with one self-signed certificate, the same on every node. Empty for no TLS.</param>
internal sealed record ClusterTlsSettings(string CertificateFile, string Password)
{
    /// <summary>Whether nodes communicate over TLS.</summary>
    public bool IsOn => CertificateFile.Length > 0;

    internal static ClusterTlsSettings Read(HoconSection hocon) =>
        new(CertificateFile: hocon.Text("certificateFile"), Password: hocon.One("password", SettingKind.Secret));
}
