using System.Net;
using System.Net.Sockets;
using AkkaCharging.Networks;
using AkkaCharging.Requests;

namespace AkkaCharging.Settings;

/// <summary>The rules across settings.</summary>
internal static class SettingsRules
{
    /// <summary>Reports each rule that is broken.</summary>
    public static void Check(ChargingSettings settings, SettingsReport report)
    {
        Listeners(settings, report);
        Tokens(settings, report);
        Tls("server", settings.Server.Tls, report);
        Tls("management", settings.Management.Tls, report);
        CallersOf(settings.Server.Tls, report);
        Authorization(settings.Authorization, report);
        report.Require(
            !settings.Adapters.Citrineos.Enabled || settings.Authorization.TypedTokens,
            "adapters.citrineos.enabled = true needs authorization.typedTokens = true: its tokens name their type.",
            "adapters.citrineos.enabled",
            "authorization.typedTokens"
        );
        Callback(settings.Callback, report);
        Journal(settings.Journal, report);
        Cluster(settings, report);
    }

    private static void Listeners(ChargingSettings settings, SettingsReport report)
    {
        var (server, management) = (settings.Server, settings.Management);
        report.Require(
            server.AllowAnonymous || server.NeedsApiKey || IsLoopback(server.Host),
            $"server.host = '{ShownValue.Of(server.Host)}' is reachable from other machines without API keys; "
                + "expected server.apiKeys, server.apiKeysFile, server.allowAnonymous = true or a loopback host.",
            "server.host",
            "server.apiKeys",
            "server.apiKeysFile",
            "server.allowAnonymous"
        );
        report.Require(
            AreDistinct(server.ApiKeys.Select(key => key.Sha256)),
            "server.apiKeys contains the same sha256 twice; expected one entry per key.",
            "server.apiKeys"
        );
        report.Require(
            management.Token.Length > 0 || management.Operators.Count > 0 || IsLoopback(management.Host),
            $"management.host = '{ShownValue.Of(management.Host)}' is reachable from other machines without a token; "
                + "expected management.operators, management.token or a loopback host.",
            "management.host",
            "management.token",
            "management.operators"
        );
        report.Require(
            AreDistinct(management.Operators.Select(entry => entry.Sha256)),
            "management.operators contains the same sha256 twice; expected a different token for each operator.",
            "management.operators"
        );
        report.Require(
            management.Operators.All(entry =>
                entry.Name is not (OperatorSettings.OfToken or OperatorSettings.OfThisMachine)
            ),
            $"management.operators has an operator named {OperatorSettings.OfToken} or "
                + $"{OperatorSettings.OfThisMachine}, by which the log means others; expected another name.",
            "management.operators"
        );
        report.Require(
            server.Port == 0 || server.Port != management.Port || !SameAddress(server.Host, management.Host),
            $"management.port and server.port are both {management.Port}; expected two different ports.",
            "management.port",
            "server.port",
            "management.host",
            "server.host"
        );
    }

    private static void Tokens(ChargingSettings settings, SettingsReport report)
    {
        var isClosed = settings.Server.NeedsApiKey || IsLoopback(settings.Server.Host);
        report.Require(
            isClosed || settings.Request.DriverToken.MinLength >= DriverTokenRules.SafeLengthMin,
            $"request.driverToken.minLength = {settings.Request.DriverToken.MinLength} lets anyone who can reach "
                + "server.host try all tokens; expected server.apiKeys, a loopback host or at least "
                + $"{DriverTokenRules.SafeLengthMin}.",
            "request.driverToken.minLength",
            "server.apiKeys",
            "server.host"
        );
        report.Require(
            isClosed || !settings.Authorization.TypedTokens,
            "authorization.typedTokens = true lets anyone who can reach server.host try all identifiers, which are "
                + "short; expected server.apiKeys or a loopback host.",
            "authorization.typedTokens",
            "server.apiKeys",
            "server.host"
        );
    }

    private static void Tls(string block, ListenerTlsSettings tls, SettingsReport report) =>
        report.Require(
            tls.IsOn || tls is { KeyFile: "", Password: "" },
            $"{block}.tls.keyFile and {block}.tls.password have no effect without {block}.tls.certificateFile; "
                + "expected the file too.",
            $"{block}.tls.certificateFile",
            $"{block}.tls.keyFile",
            $"{block}.tls.password"
        );

    private static void CallersOf(CallerTlsSettings tls, SettingsReport report) =>
        report.Require(
            !tls.NeedsClientCertificate || (tls.IsOn && tls.ClientCaFile.Length > 0),
            "server.tls.clientCertificates = required needs server.tls.clientCaFile and server.tls.certificateFile.",
            "server.tls.clientCertificates",
            "server.tls.clientCaFile",
            "server.tls.certificateFile"
        );

    private static void Authorization(AuthorizationSettings authorization, SettingsReport report)
    {
        report.Require(
            authorization.Provider != AuthorizationProvider.Chain || authorization.Chain.Count > 0,
            "authorization.provider = chain needs authorization.chain; expected a list such as [acl, http].",
            "authorization.provider",
            "authorization.chain"
        );
        report.Require(
            !authorization.Chain.Contains(AuthorizationProvider.Chain)
                && authorization.Chain.Distinct().Count() == authorization.Chain.Count,
            "authorization.chain names an authorizer twice, or a chain; expected each authorizer once.",
            "authorization.chain"
        );
        report.Require(
            !authorization.Uses(AuthorizationProvider.Http) || authorization.Http.Url is not null,
            "authorization.provider = http needs authorization.http.url; expected an http or https URL.",
            "authorization.provider",
            "authorization.http.url"
        );
        report.Require(
            !authorization.Uses(AuthorizationProvider.Sql)
                || (authorization.Sql.ConnectionString.Length > 0 && authorization.Sql.QueryFile.Length > 0),
            "authorization.provider = sql needs authorization.sql.connectionString and authorization.sql.queryFile.",
            "authorization.provider",
            "authorization.sql.connectionString",
            "authorization.sql.queryFile"
        );
        report.Require(
            authorization.CircuitBreaker.MaxResetTimeout >= authorization.CircuitBreaker.ResetTimeout,
            "authorization.circuitBreaker.maxResetMillis is below resetTimeoutMillis; expected at least as much.",
            "authorization.circuitBreaker.maxResetMillis",
            "authorization.circuitBreaker.resetTimeoutMillis"
        );
        OcpiRules.Check(authorization, report);
    }

    private static void Callback(CallbackSettings callback, SettingsReport report)
    {
        report.Require(
            callback.MaxRetryDelay >= callback.RetryDelay,
            "callback.maxRetryDelayMillis is below callback.retryDelayMillis; expected at least as much.",
            "callback.maxRetryDelayMillis",
            "callback.retryDelayMillis"
        );
        report.Require(
            callback.MaxInFlightPerDestination <= callback.MaxInFlight,
            $"callback.maxInFlightPerDestination = {callback.MaxInFlightPerDestination} is above callback.maxInFlight; "
                + $"expected at most {callback.MaxInFlight}.",
            "callback.maxInFlightPerDestination",
            "callback.maxInFlight"
        );
        report.Require(
            !callback.Signing.Required || callback.Signing.Keys.Count > 0 || callback.Signing.KeysFile.Length > 0,
            "callback.signing.required = true needs a key; expected callback.signing.keys or "
                + "callback.signing.keysFile.",
            "callback.signing.required",
            "callback.signing.keys"
        );
        foreach (var network in callback.Security.Allow)
        {
            var problem = ProblemOfAllowed(network);
            report.Require(
                problem is null,
                $"callback.security.allow = '{network}' {problem}",
                "callback.security.allow"
            );
        }
    }

    /// <summary>
    /// Returns why <c>callback.security.allow</c> cannot contain <paramref name="allowed"/>; null when it can.
    /// </summary>
    private static string? ProblemOfAllowed(IPNetwork allowed)
    {
        if (IsExact(allowed))
            return SpecialNetworks.Find(allowed.BaseAddress) == RefusalReason.EmbedsIPv4
                ? "has an IPv4 address in it, and such an IPv6 address is never allowed; expected the IPv4 address."
                : null;
        if (FirstOf(SpecialNetworks.AllowedOneByOne) is { } special)
            return $"overlaps {special} (this machine, metadata services); expected single addresses there, as /32 or "
                + "/128.";
        return FirstOf(SpecialNetworks.NeverAllowed) is { } embedding
            ? $"overlaps {embedding} (IPv4 in IPv6), which is never allowed; expected a network without it."
            : null;

        IPNetwork? FirstOf(IReadOnlyList<IPNetwork> networks) =>
            networks.Cast<IPNetwork?>().FirstOrDefault(network => Overlap(network!.Value, allowed));
    }

    private static void Journal(JournalSettings journal, SettingsReport report)
    {
        var postgres = journal.Kind == JournalKind.Postgres;
        report.Require(
            !postgres || journal.ConnectionString.Length > 0,
            "journal.kind = postgres needs journal.connectionString.",
            "journal.kind",
            "journal.connectionString"
        );
        report.Require(
            !postgres || journal.EncryptionKeys.Count > 0 || journal.EncryptionKeyFile.Length > 0,
            "journal.kind = postgres needs a key; expected journal.encryptionKeys or journal.encryptionKeyFile.",
            "journal.kind",
            "journal.encryptionKeys",
            "journal.encryptionKeyFile"
        );
    }

    private static void Cluster(ChargingSettings settings, SettingsReport report)
    {
        var cluster = settings.Cluster;
        report.Require(
            cluster.Tls.IsOn || cluster.Tls.Password.Length == 0,
            "cluster.tls.password has no effect without cluster.tls.certificateFile; expected the file too.",
            "cluster.tls.password",
            "cluster.tls.certificateFile"
        );
        if (!cluster.Enabled)
            return;
        report.Require(
            settings.Journal.Kind == JournalKind.Postgres,
            "cluster.enabled = true needs a journal that nodes can share; expected journal.kind = postgres.",
            "cluster.enabled",
            "journal.kind"
        );
        report.Require(
            cluster.SeedNodes.Count > 0,
            "cluster.enabled = true needs cluster.seedNodes; expected host:port of at least one node, the same "
                + "list on every node.",
            "cluster.enabled",
            "cluster.seedNodes"
        );
        report.Require(
            cluster.Lanes >= cluster.SeedNodes.Count,
            $"cluster.lanes = {cluster.Lanes} is below the number of cluster.seedNodes; a node without a lane "
                + "accepts no requests.",
            "cluster.lanes",
            "cluster.seedNodes"
        );
        report.Require(
            settings.Queue.ConsumerThreads == 1,
            "queue.consumerThreads has no effect in a cluster, where cluster.lanes run concurrently; expected 1.",
            "queue.consumerThreads",
            "cluster.enabled"
        );
        report.Require(
            !IsAny(cluster.Hostname),
            $"cluster.hostname = '{ShownValue.Of(cluster.Hostname)}' is not an address that other nodes can reach; "
                + "expected this node's own address, and the interface in cluster.bindHostname.",
            "cluster.hostname"
        );
        report.Require(
            !IsLoopback(cluster.Hostname) || cluster.SeedNodes.All(seed => IsLoopback(seed[..seed.LastIndexOf(':')])),
            $"cluster.hostname = '{ShownValue.Of(cluster.Hostname)}' can be reached from this machine only, but "
                + "cluster.seedNodes names other machines; expected a name or address at which they reach this "
                + "node.",
            "cluster.hostname",
            "cluster.seedNodes"
        );
        report.Require(
            cluster.Tls.IsOn
                || cluster.AllowPlaintext
                || (IsLoopback(cluster.Hostname) && IsLoopback(cluster.Interface)),
            $"cluster.hostname = '{ShownValue.Of(cluster.Hostname)}' is reachable from other machines without TLS, "
                + "so that anyone who can reach it can pose as a node; expected cluster.tls.certificateFile, "
                + "cluster.allowPlaintext = true or a loopback address.",
            "cluster.hostname",
            "cluster.bindHostname",
            "cluster.tls.certificateFile",
            "cluster.allowPlaintext"
        );
    }

    /// <summary>Checks whether a listener on <paramref name="host"/> can be reached from this machine only.</summary>
    public static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    private static bool AreDistinct(IEnumerable<string> hashes)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        return hashes.All(seen.Add);
    }

    /// <summary>Compares listener addresses; a listener on all addresses uses the port on each of them.</summary>
    private static bool SameAddress(string a, string b) =>
        a.Equals(b, StringComparison.OrdinalIgnoreCase) || IsAny(a) || IsAny(b) || (IsLoopback(a) && IsLoopback(b));

    private static bool IsAny(string host) =>
        host is "*" or "+"
        || (
            IPAddress.TryParse(host, out var address)
            && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
        );

    /// <remarks>
    /// Compares the bits, because IPNetwork.Contains of .NET 10 gives wrong results for an IPv4-mapped address and an
    /// IPv6 network.
    /// </remarks>
    private static bool Overlap(IPNetwork a, IPNetwork b)
    {
        var (left, right) = (a.BaseAddress.GetAddressBytes(), b.BaseAddress.GetAddressBytes());
        return left.Length == right.Length
            && Enumerable
                .Range(0, Math.Min(a.PrefixLength, b.PrefixLength))
                .All(bit => ((left[bit / 8] ^ right[bit / 8]) & (0x80 >> (bit % 8))) == 0);
    }

    private static bool IsExact(IPNetwork network) =>
        network.PrefixLength == (network.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
}
