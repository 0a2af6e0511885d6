using AkkaCharging.Authorization.Sql;
using AkkaCharging.Files;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Composition;

/// <summary>Settings that are allowed but insecure, which the start-up log lists.</summary>
internal static class InsecureChoices
{
    private const int OperatorTokenCharsMin = 16;

    /// <summary>Returns one sentence for each setting that has no effect, and for each insecure choice.</summary>
    /// <inheritdoc cref="Of"/>
    public static IEnumerable<string> WarningsOf(ChargingSettings settings) => settings.Warnings.Concat(Of(settings));

    /// <summary>Returns one sentence for each insecure choice in <paramref name="settings"/>.</summary>
    /// <exception cref="InvalidSettingsException"><c>server.apiKeysFile</c> cannot be used.</exception>
    public static IEnumerable<string> Of(ChargingSettings settings)
    {
        if (!settings.Server.NeedsApiKey)
            yield return "No API keys are configured: anyone who can reach the listener may submit requests "
                + "(server.apiKeys).";
        if (Unlimited(ApiKeyFile.ReadAll(settings.Server)) is { Count: > 0 } unlimited)
            yield return $"API keys have no rate limit: {string.Join(", ", unlimited)} "
                + "(server.apiKeys, requestsPerSecond).";
        if (!settings.Callback.Security.HttpsOnly)
            yield return "Callbacks over plain http are allowed: driver tokens are sent unencrypted "
                + "(callback.security.httpsOnly).";
        if (settings.Callback.Security.AllowedPorts.Count == 0)
            yield return "Callbacks may be sent to any port, including ports of databases and other services "
                + "(callback.security.allowedPorts).";
        if (settings.Callback.Signing is { Keys.Count: 0, KeysFile: "" })
            yield return "Callbacks are not signed: receivers cannot tell them from forgeries (callback.signing.keys).";
        if (settings.Callback.Security.Allow.Count > 0)
            yield return "Callbacks to non-public addresses are allowed: "
                + $"{string.Join(", ", settings.Callback.Security.Allow)} (callback.security.allow).";
        if (
            settings.Authorization.Uses(AuthorizationProvider.Http)
            && settings.Authorization.Http.Url is { Scheme: "http", IsLoopback: false }
        )
            yield return "The authorizer is called over plain http: driver tokens are sent unencrypted "
                + "(authorization.http.url).";
        if (settings.Authorization.Uses(AuthorizationProvider.Ocpi))
        {
            foreach (var partner in settings.Authorization.Ocpi.Partners)
            {
                if ((partner.TokensUrl ?? partner.VersionsUrl) is { Scheme: "http", IsLoopback: false })
                    yield return $"The OCPI partner {partner.Name} is called over plain http: driver tokens and "
                        + "credentials are sent unencrypted (authorization.ocpi.partners).";
            }
        }

        if (settings.Request.DriverToken.MinLength < DriverTokenRules.SafeLengthMin)
            yield return "Driver tokens that are short enough to be guessed are accepted "
                + $"(request.driverToken.minLength = {settings.Request.DriverToken.MinLength}).";
        if (settings.Authorization.TypedTokens && !settings.Server.NeedsApiKey)
            yield return "Anyone who can reach the listener can try typed tokens, which are short enough to be guessed "
                + "(authorization.typedTokens, server.apiKeys).";
        if (PassesOtherCaseOn(settings))
            yield return "The access list blocks a token only in the upper and lower case of its row: in any other, "
                + "the chain asks the next authorizer (authorization.normalize = none, authorization.chain).";
        if (settings.Adapters.Citrineos.Enabled && !settings.Server.NeedsApiKey)
            yield return "Anyone who can reach the listener can guess tokens through the citrineos adapter "
                + "(adapters.citrineos.enabled, server.apiKeys).";
        if (
            settings.Authorization.Uses(AuthorizationProvider.Sql) && SqlTransport.IsExposed(settings.Authorization.Sql)
        )
            yield return "The connection to the SQL authorizer's database may be unencrypted, or the server "
                + "unauthenticated (authorization.sql.connectionString, SSL Mode).";
        if (settings.Server.Tls is { NeedsClientCertificate: false, ClientCaFile.Length: > 0 })
            yield return "Client certificates are not required, although an authority for them is configured "
                + "(server.tls.clientCertificates).";
        if (!SettingsRules.IsLoopback(settings.Management.Host) && !settings.Management.Tls.IsOn)
            yield return "The operators' listener is reachable from other machines over plain http: its tokens are "
                + "sent unencrypted (management.host, management.tls).";
        if (settings.Management.Token.Length is > 0 and < OperatorTokenCharsMin)
            yield return "The operators' token is short enough to be guessed: it has fewer than "
                + $"{OperatorTokenCharsMin} characters (management.token).";
        if (settings.Journal.Kind == JournalKind.Memory)
            yield return "Accepted requests are kept in memory only: a crash loses all pending requests "
                + "(journal.kind = memory).";
        if (settings.Cluster is { Enabled: true, Tls.IsOn: false, AllowPlaintext: true })
            yield return "Cluster nodes communicate unencrypted, and anyone who can reach their port can pose as a "
                + "node (cluster.allowPlaintext).";
        if (settings.Server.Development)
            yield return "Development mode is on: the demo receiver and the API page are served (server.development).";
        foreach (var (file, setting) in KeyFiles(settings))
        {
            if (file.Length > 0 && PrivateFile.IsReadByAnybody(file))
                yield return $"Any user of this machine can read the key file {ShownValue.OfFile(file)}: set its mode "
                    + $"to 0600 or 0640 ({setting}).";
        }
    }

    /// <summary>Checks whether a chain asks on about a blocked card that is written in another case.</summary>
    /// <remarks>A token that is long enough to be random is another token in another case.</remarks>
    private static bool PassesOtherCaseOn(ChargingSettings settings)
    {
        var authorization = settings.Authorization;
        return authorization is { Provider: AuthorizationProvider.Chain, Normalize: TokenNormalization.None }
            && authorization.Chain.SkipLast(1).Contains(AuthorizationProvider.Acl)
            && (authorization.TypedTokens || settings.Request.DriverToken.MinLength < DriverTokenRules.SafeLengthMin);
    }

    /// <summary>
    /// Returns the names of keys without a limit. Keys of one name share the highest limit among them.
    /// </summary>
    private static List<string> Unlimited(IReadOnlyList<ApiKeySettings> keys) =>
        [
            .. keys.GroupBy(key => key.Name, StringComparer.Ordinal)
                .Where(named => named.All(key => key.RequestsPerSecond <= 0))
                .Select(named => named.Key),
        ];

    private static IEnumerable<(string File, string Setting)> KeyFiles(ChargingSettings settings) =>
        [
            (settings.Journal.EncryptionKeyFile, "journal.encryptionKeyFile"),
            (settings.Server.ApiKeysFile, "server.apiKeysFile"),
            (settings.Callback.Signing.KeysFile, "callback.signing.keysFile"),
            (settings.Cluster.Tls.CertificateFile, "cluster.tls.certificateFile"),
            KeyOf(settings.Server.Tls, "server.tls"),
            KeyOf(settings.Management.Tls, "management.tls"),
            .. settings.Authorization.Ocpi.Partners.Select(partner =>
                (partner.TokenFile, "authorization.ocpi.partners")
            ),
            .. settings.SecretFiles.Select(file => (file.Path, file.Variable)),
        ];

    private static (string File, string Setting) KeyOf(ListenerTlsSettings tls, string block) =>
        tls.KeyFile.Length > 0 ? (tls.KeyFile, $"{block}.keyFile") : (tls.CertificateFile, $"{block}.certificateFile");
}
