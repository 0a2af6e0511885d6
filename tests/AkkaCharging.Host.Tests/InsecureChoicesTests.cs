using System.Net;
using System.Runtime.Versioning;
using AkkaCharging.Host.Composition;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Tests;

[Trait("Category", "Unit")]
public sealed class InsecureChoicesTests
{
    private static readonly ChargingSettings Secure = SettingsLoader.Defaults.WithServer(server =>
        server with
        {
            ApiKeys = [new("a", new string('0', 64), [], 1)],
        }
    ) with
    {
        Callback = SettingsLoader.Defaults.Callback with
        {
            Security = SettingsLoader.Defaults.Callback.Security with { HttpsOnly = true },
            Signing = new(["whsec_x"], "", Required: true),
        },
        Journal = SettingsLoader.Defaults.Journal with { Kind = JournalKind.Sqlite },
    };

    [Fact]
    public void SecureSettings_AreNotWarnedOf() => Assert.Empty(InsecureChoices.Of(Secure));

    [Fact]
    public void KeysInAFile_AreKeys() =>
        Assert.Empty(
            InsecureChoices.Of(
                Secure with
                {
                    Callback = Secure.Callback with { Signing = new([], "keys", Required: false) },
                }
            )
        );

    [Theory]
    [InlineData("Postgres", "Host=db;Database=csms", true)]
    [InlineData("Postgres", "Host=db;SSL Mode=Require", true)]
    [InlineData("Postgres", "Host=localhost,db:5433", true)]
    [InlineData("Postgres", "Host=db;SSL Mode=VerifyFull", false)]
    [InlineData("Postgres", "Host=127.0.0.1:5432,/run/postgresql,[::1]:5432", false)]
    [InlineData("MySql", "Server=db", true)]
    [InlineData("MySql", "Server=db;SSL Mode=VerifyCA", false)]
    [InlineData("MySql", "Server=localhost", false)]
    [InlineData("Sqlite", "Data Source=tags.db", false)]
    public void RemoteDatabaseWithoutACertificate_IsWarnedOf(string kind, string connectionString, bool isWarnedOf)
    {
        var authorization = Secure.Authorization with { Provider = AuthorizationProvider.Sql };
        var sql = authorization.Sql with { Kind = Enum.Parse<SqlKind>(kind), ConnectionString = connectionString };

        var warnings = InsecureChoices.Of(Secure with { Authorization = authorization with { Sql = sql } });

        Assert.Equal(
            isWarnedOf
                ?
                [
                    "The connection to the SQL authorizer's database may be unencrypted, or the server "
                        + "unauthenticated (authorization.sql.connectionString, SSL Mode).",
                ]
                : [],
            warnings
        );
    }

    [Fact]
    public void AdapterWithoutKeys_IsWarnedOf() =>
        Assert.Contains(
            "Anyone who can reach the listener can guess tokens through the citrineos adapter "
                + "(adapters.citrineos.enabled, server.apiKeys).",
            InsecureChoices.Of(
                Secure.WithServer(server => server with { ApiKeys = [] }) with
                {
                    Adapters = new(new(Enabled: true)),
                }
            )
        );

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void TypedTokensWithoutKeys_AreWarnedOf(bool hasKeys, bool isWarnedOf)
    {
        var settings = Secure.WithServer(server => hasKeys ? server : server with { ApiKeys = [] }) with
        {
            Authorization = Secure.Authorization with { TypedTokens = true },
        };

        Assert.Equal(
            isWarnedOf,
            InsecureChoices
                .Of(settings)
                .Contains(
                    "Anyone who can reach the listener can try typed tokens, which are short enough to be guessed "
                        + "(authorization.typedTokens, server.apiKeys).",
                    StringComparer.Ordinal
                )
        );
    }

    [Theory]
    [InlineData(true, 20, "None", "Acl,Http", true)]
    [InlineData(true, 20, "None", "Custom,Acl,Http", true)]
    [InlineData(false, 19, "None", "Acl,Http", true)]
    [InlineData(false, 20, "None", "Acl,Http", false)]
    [InlineData(true, 20, "Upper", "Acl,Http", false)]
    [InlineData(true, 20, "Rfid", "Acl,Http", false)]
    [InlineData(true, 20, "Emaid", "Acl,Http", false)]
    [InlineData(true, 20, "None", "Http,Acl", false)]
    [InlineData(true, 20, "None", "Acl", false)]
    public void BlockedCardThatPassesTheListInAnotherCase_IsWarnedOf(
        bool areTyped,
        int minLength,
        string normalize,
        string chain,
        bool isWarnedOf
    )
    {
        var settings = Secure with
        {
            Request = Secure.Request with { DriverToken = Secure.Request.DriverToken with { MinLength = minLength } },
            Authorization = Secure.Authorization with
            {
                Provider = AuthorizationProvider.Chain,
                Chain = [.. chain.Split(',').Select(name => Enum.Parse<AuthorizationProvider>(name))],
                Normalize = Enum.Parse<TokenNormalization>(normalize),
                TypedTokens = areTyped,
            },
        };

        Assert.Equal(
            isWarnedOf,
            InsecureChoices
                .Of(settings)
                .Contains(
                    "The access list blocks a token only in the upper and lower case of its row: in any other, the "
                        + "chain asks the next authorizer (authorization.normalize = none, authorization.chain).",
                    StringComparer.Ordinal
                )
        );
    }

    [Fact]
    public void EachInsecureChoice_IsNamedWithItsSetting()
    {
        Warns(
            Secure.WithServer(server => server with { ApiKeys = [] }),
            "No API keys are configured: anyone who can reach the listener may submit requests (server.apiKeys)."
        );
        Warns(
            Secure.WithServer(server =>
                server with
                {
                    ApiKeys =
                    [
                        new("rotated", new string('1', 64), [], 0),
                        new("rotated", new string('2', 64), [], 5),
                        new("b", new string('3', 64), [], 0),
                        new("a", new string('4', 64), [], 0),
                        new("a", new string('5', 64), [], 0),
                    ],
                }
            ),
            "API keys have no rate limit: b, a (server.apiKeys, requestsPerSecond)."
        );
        Warns(
            Secure with
            {
                Callback = Secure.Callback with { Security = Secure.Callback.Security with { HttpsOnly = false } },
            },
            "Callbacks over plain http are allowed: driver tokens are sent unencrypted "
                + "(callback.security.httpsOnly)."
        );
        Warns(
            Secure with
            {
                Callback = Secure.Callback with { Security = Secure.Callback.Security with { AllowedPorts = [] } },
            },
            "Callbacks may be sent to any port, including ports of databases and other services "
                + "(callback.security.allowedPorts)."
        );
        Warns(
            Secure with
            {
                Callback = Secure.Callback with { Signing = new([], "", Required: false) },
            },
            "Callbacks are not signed: receivers cannot tell them from forgeries (callback.signing.keys)."
        );
        Warns(
            Secure with
            {
                Callback = Secure.Callback with
                {
                    Security = Secure.Callback.Security with
                    {
                        Allow = [IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("::1/128")],
                    },
                },
            },
            "Callbacks to non-public addresses are allowed: 10.0.0.0/8, ::1/128 (callback.security.allow)."
        );
        Warns(
            Secure with
            {
                Journal = Secure.Journal with { Kind = JournalKind.Memory },
            },
            "Accepted requests are kept in memory only: a crash loses all pending requests (journal.kind = memory)."
        );
        Warns(
            Secure.WithServer(server => server with { Development = true }),
            "Development mode is on: the demo receiver and the API page are served (server.development)."
        );
        Warns(
            Secure with
            {
                Management = Secure.Management with { Host = "10.0.0.1", Token = new('x', 16) },
            },
            "The operators' listener is reachable from other machines over plain http: its tokens are sent "
                + "unencrypted (management.host, management.tls)."
        );
        Assert.Empty(
            InsecureChoices.Of(
                Secure with
                {
                    Management = Secure.Management with
                    {
                        Host = "10.0.0.1",
                        Token = new('x', 16),
                        Tls = new("absent.pem", "", ""),
                    },
                }
            )
        );
        Warns(
            Secure.WithServer(server => server with { Tls = new(new("absent.pem", "", ""), clientCaFile: "ca.pem") }),
            "Client certificates are not required, although an authority for them is configured "
                + "(server.tls.clientCertificates)."
        );
        Warns(
            Secure with
            {
                Cluster = Secure.Cluster with { Enabled = true, AllowPlaintext = true },
            },
            "Cluster nodes communicate unencrypted, and anyone who can reach their port can pose as a node "
                + "(cluster.allowPlaintext)."
        );
        Warns(
            Secure with
            {
                Management = Secure.Management with { Token = new('x', 15) },
            },
            "The operators' token is short enough to be guessed: it has fewer than 16 characters (management.token)."
        );
    }

    [Theory]
    [InlineData("0644", true)]
    [InlineData("0604", true)]
    [InlineData("0640", false)]
    [InlineData("0600", false)]
    [UnsupportedOSPlatform("windows")]
    public void KeyFilesThatAnybodyMayRead_AreNamed(string mode, bool isWarned)
    {
        var folder = Directory.CreateTempSubdirectory("akkacharging-keys-");
        var file = Path.Combine(folder.FullName, "keys");
        File.WriteAllText(file, "apiKeys = []");
        File.SetUnixFileMode(file, (UnixFileMode)Convert.ToInt32(mode, 8));

        var warnings = InsecureChoices
            .Of(
                Secure.WithServer(server => server with { ApiKeysFile = file }) with
                {
                    Journal = Secure.Journal with { EncryptionKeyFile = file },
                    Callback = Secure.Callback with { Signing = new([], file, Required: true) },
                    Cluster = Secure.Cluster with { Tls = Secure.Cluster.Tls with { CertificateFile = file } },
                }
            )
            .ToList();
        folder.Delete(recursive: true);

        string[] named =
        [
            "journal.encryptionKeyFile",
            "server.apiKeysFile",
            "callback.signing.keysFile",
            "cluster.tls.certificateFile",
        ];
        Assert.Equal(
            isWarned
                ? named.Select(setting =>
                    $"Any user of this machine can read the key file {file}: set its mode to 0600 or 0640 "
                    + $"({setting})."
                )
                : [],
            warnings
        );
    }

    [Theory]
    [InlineData("http://back.example.com/", 1)]
    [InlineData("http://127.0.0.1/", 0)]
    [InlineData("https://back.example.com/", 0)]
    public void AuthorizerOverPlainHttp_IsNamed_UnlessItIsThisMachine(string url, int warnings)
    {
        var settings = Secure with
        {
            Authorization = Secure.Authorization with
            {
                Provider = AuthorizationProvider.Http,
                Http = Secure.Authorization.Http with { Url = new Uri(url) },
            },
        };

        Assert.Equal(
            Enumerable.Repeat(
                "The authorizer is called over plain http: driver tokens are sent unencrypted "
                    + "(authorization.http.url).",
                warnings
            ),
            InsecureChoices.Of(settings)
        );
    }

    private static void Warns(ChargingSettings settings, string sentence) =>
        Assert.Equal([sentence], InsecureChoices.Of(settings));
}
