using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Settings;

[Trait("Category", "Unit")]
public sealed class SettingsLoaderTests
{
    private const string Canary = "canary-4711";

    [Fact]
    public void AllProblems_AreListedAtOnce()
    {
        using var folder = new SettingsFolder();
        folder.File(
            "hocon/application.conf",
            """
            authorization.timeoutMillis = soon
            queue { maxSize = 0, maxsize = 5 }
            callback.retryDelayMillis = "1s"
            logging.level = verbose
            nonsense { a = 1 }
            callback { maxInFlight = 2, maxInFlightPerDestination = 3 }
            """
        );
        folder.Variable("CALLBACK_SECURITY_ALLOWED_PORTS", "80,,http").Variable("MANAGEMENT_PORT", "");

        var e = Assert.Throws<InvalidSettingsException>(folder.Load);

        const string Ports = "environment variable CALLBACK_SECURITY_ALLOWED_PORTS: callback.security.allowedPorts";
        const string Anonymous = "defaults: server.host = '0.0.0.0' is reachable from other machines without API keys";
        Assert.Equal(
            $$"""
            11 problem(s) in the settings:
            environment variable MANAGEMENT_PORT: management.port = '' cannot be read; expected a whole number from 0 to 65535.
            hocon/application.conf:2: queue.maxSize = '0' cannot be read; expected a whole number from 1 to 10000000.
            hocon/application.conf:1: authorization.timeoutMillis = 'soon' cannot be read; expected a whole number from 1 to 3600000.
            hocon/application.conf:3: callback.retryDelayMillis = '1s' cannot be read; expected a whole number from 1 to 3600000.
            {{Ports}}[1] = '' cannot be read; expected a whole number from 1 to 65535.
            {{Ports}}[2] = 'http' cannot be read; expected a whole number from 1 to 65535.
            hocon/application.conf:4: logging.level = 'verbose' cannot be read; expected one of debug, info, warning, error.
            hocon/application.conf:2: queue.maxsize is not a setting; did you mean queue.maxSize?
            hocon/application.conf:5: nonsense is not a setting.
            {{Anonymous}}; expected server.apiKeys, server.apiKeysFile, server.allowAnonymous = true or a loopback host.
            hocon/application.conf:6: callback.maxInFlightPerDestination = 3 is above callback.maxInFlight; expected at most 2.
            """,
            e.Message
        );
    }

    [Theory]
    [InlineData("authorisation.timeoutMillis = 5", "authorisation", " did you mean authorization?")]
    [InlineData("authorization.timeout = 5", "authorization.timeout", " did you mean authorization.timeoutMillis?")]
    [InlineData("callback.timoutMillis = 5", "callback.timoutMillis", " did you mean callback.timeoutMillis?")]
    [InlineData("CALLBACK.TIMEOUTMILLIS = 5", "CALLBACK", " did you mean callback?")]
    [InlineData("callback.securty {}", "callback.securty", " did you mean callback.security?")]
    [InlineData("federation {}", "federation", null)]
    [InlineData("\"queue.maxSize\" = 5", "\"queue.maxSize\"", " did you mean queue.maxSize?")]
    [InlineData("ktor.deployment.host = a", "ktor", null)]
    [InlineData("ktor { a = 1, deployment.port = 5 }", "ktor", null)]
    [InlineData("ktor = 1", "ktor", null)]
    public void UnknownKey_IsRefused_WithTheOneMeant(string text, string key, string? meant) =>
        Assert.Equal(
            [$"hocon/application.conf:1: {key} is not a setting{(meant is null ? "." : ";" + meant)}"],
            Loading.ProblemsOf(text)
        );

    [Fact]
    public void UnknownKeyInAnApiKey_IsRefused() =>
        Assert.Equal(
            [
                "environment variable SERVER_API_KEYS:2: server.apiKeys[0].callbackhosts is not a setting; did "
                    + "you mean server.apiKeys[0].callbackHosts?",
            ],
            Loading.ProblemsOfVariable(
                "SERVER_API_KEYS",
                $"[{{\"name\":\"a\",\"sha256\":\"{SettingsTable.Sha}\",\n\"callbackhosts\":[]}}]"
            )
        );

    [Fact]
    public void UnknownKeysWithoutEnd_AreRefusedInTime()
    {
        var text =
            new string('x', 200_000)
            + " = 1\n"
            + string.Concat(Enumerable.Range(0, 50_000).Select(i => $"unknown{i} = 1\n"));

        Assert.Equal(50_001, Loading.ProblemsOf(text).Count);
    }

    [Fact]
    public void ListOfBlocksInAFile_MayBeOneOfJson_InAVariable()
    {
        Assert.Empty(Loading.Variable("SERVER_API_KEYS", "").Server.ApiKeys);
        Assert.Empty(Loading.Variable("SERVER_API_KEYS", " [] ").Server.ApiKeys);
        Assert.Equal(
            [
                "environment variable SERVER_API_KEYS: server.apiKeys = (secret) cannot be read; expected a "
                    + "list of { name, sha256, callbackHosts, requestsPerSecond }.",
            ],
            Loading.ProblemsOfVariable("SERVER_API_KEYS", "\"a\"")
        );
        Assert.Equal(
            [
                "environment variable SERVER_API_KEYS: server.apiKeys is not a list in JSON: environment "
                    + "variable SERVER_API_KEYS:1: '[' is never closed.",
            ],
            Loading.ProblemsOfVariable("SERVER_API_KEYS", "[")
        );
        Assert.Equal(
            [
                "environment variable SERVER_API_KEYS: server.apiKeys is not a list in JSON: environment "
                    + "variable SERVER_API_KEYS:1: unexpected ']'; expected the end, or double quotes around the "
                    + "whole value.",
            ],
            Loading.ProblemsOfVariable("SERVER_API_KEYS", "[]]")
        );
    }

    [Fact]
    public void EmptyVariable_EmptiesTextsAndLists()
    {
        Assert.Equal("", Loading.Variable("JOURNAL_ENCRYPTION_KEY_FILE", "").Journal.EncryptionKeyFile);
        Assert.Empty(Loading.Variable("CALLBACK_SECURITY_ALLOWED_PORTS", "").Callback.Security.AllowedPorts);
        Assert.Null(Loading.Variable("AUTHORIZATION_HTTP_URL", "").Authorization.Http.Url);
    }

    [Fact]
    public void Layers_OverrideOneAnother_KeyByKey()
    {
        using var folder = new SettingsFolder { Development = true };
        folder
            .File(
                "hocon/development.conf",
                "server.host = localhost\nqueue { maxSize = 1, consumerThreads = 1, destinationShare = 1 }"
            )
            .File("hocon/application.conf", "queue { consumerThreads = 2, destinationShare = 2 }")
            .Variable("QUEUE_DESTINATION_SHARE", "3");

        Assert.Equal(new QueueSettings(1, 2, 3), folder.Load().Queue);

        folder.Development = false;
        folder.Variable("SERVER_HOST", "localhost");

        Assert.Equal(new QueueSettings(10_000, 2, 3), folder.Load().Queue);
    }

    [Fact]
    public void ConfigFile_TakesThePlaceOfApplicationConf()
    {
        using var folder = new SettingsFolder { ConfigFile = "other.conf" };
        folder.File("hocon/application.conf", "queue.maxSize = 1\n").File("other.conf", SettingsFolder.Anonymous);

        Assert.Equal(10_000, folder.Load().Queue.MaxSize);

        folder.ConfigFile = "missing.conf";

        Assert.Contains("missing.conf: there is no such file, although --config names it.", folder.Problems());
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("a\0b")]
    public void ConfigFileThatIsNone_IsAProblem(string file)
    {
        using var folder = new SettingsFolder { ConfigFile = file };

        Assert.Contains($"{file}: there is no such file, although --config names it.", folder.Problems());
    }

    [Fact]
    public void FileThatCannotBeRead_IsAProblem()
    {
        using var folder = new SettingsFolder();
        folder.File("hocon/application.conf", SettingsFolder.Anonymous);
        using var held = new FileStream(
            Path.Combine(folder.Path, "hocon/application.conf"),
            FileMode.Open,
            FileAccess.ReadWrite,
            FileShare.None
        );

        Assert.StartsWith(
            "hocon/application.conf: the file cannot be read: ",
            folder.Problems()[0],
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void WorkingDirectory_ComesBeforeTheExecutables()
    {
        using var own = new SettingsFolder();
        using var shipped = new SettingsFolder();
        own.BaseDirectory = shipped.Path;
        shipped.File("hocon/application.conf", "server.host = localhost\nqueue.maxSize = 7");

        Assert.Equal(7, own.Load().Queue.MaxSize);

        own.File("hocon/application.conf", SettingsFolder.Anonymous);

        Assert.Equal(10_000, own.Load().Queue.MaxSize);
    }

    [Fact]
    public void BrokenFile_DoesNotHideProblemsElsewhere()
    {
        using var folder = new SettingsFolder { Development = true };
        folder
            .File("hocon/development.conf", "}")
            .File("hocon/application.conf", $"{SettingsFolder.Anonymous}queue = 5")
            .Variable("QUEUE_MAX_SIZE", "x");

        Assert.Equal(
            [
                "hocon/development.conf:1: '}' closes nothing.",
                "hocon/application.conf:2: queue is a block of settings; expected queue { … }, not a value.",
                "environment variable QUEUE_MAX_SIZE: queue.maxSize = 'x' cannot be read; expected a whole "
                    + "number from 1 to 10000000.",
            ],
            folder.Problems()
        );
    }

    [Fact]
    public void PredecessorsNames_StandForTheirSettings()
    {
        var file = Loading.Application("ktor { deployment { port = 9000, development = true } }");
        var variable = Loading.Variable("KTOR_DEPLOYMENT_PORT", "9000");

        Assert.Equal((9000, true), (file.Server.Port, file.Server.Development));
        Assert.Equal(9000, variable.Server.Port);
        Assert.True(Loading.Variable("KTOR_DEPLOYMENT_DEVELOPMENT", "true").Server.Development);
        Assert.Equal(
            "environment variable KTOR_DEPLOYMENT_PORT",
            variable.Effective.Single(setting => setting.Path == "server.port").Origin
        );
    }

    [Fact]
    public void BothNamesInOneLayer_AreRefused_InTwoTheLaterWins()
    {
        using var folder = new SettingsFolder();
        folder.File("hocon/application.conf", $"{SettingsFolder.Anonymous}ktor.deployment.port = 1\nserver.port = 2");

        Assert.Equal(
            ["hocon/application.conf:2: ktor.deployment.port sets server.port a second time. Keep one of them."],
            folder.Problems()
        );

        folder
            .File("hocon/application.conf", $"{SettingsFolder.Anonymous}ktor.deployment.port = 1")
            .Variable("SERVER_PORT", "2");

        Assert.Equal(2, folder.Load().Server.Port);

        folder.Variable("KTOR_DEPLOYMENT_PORT", "3");

        Assert.Equal(
            [
                "environment variable KTOR_DEPLOYMENT_PORT: server.port is set a second time; SERVER_PORT sets "
                    + "it already. Keep one of them.",
            ],
            folder.Problems()
        );
    }

    [Theory]
    [InlineData("CALLBACK_SECURITY_HTTPSONLY", "; did you mean CALLBACK_SECURITY_HTTPS_ONLY?")]
    [InlineData("CALLBACK_MAX_RETRYS", "; did you mean CALLBACK_MAX_RETRIES?")]
    [InlineData("CALLBACK__MAXRETRIES", "; did you mean CALLBACK_MAX_RETRIES?")]
    [InlineData("KTOR_DEPLOYMENT_PRT", "; did you mean KTOR_DEPLOYMENT_PORT?")]
    [InlineData("QUEUE_", ". If it belongs to another program, list it in AKKACHARGING_FOREIGN_VARIABLES.")]
    [InlineData(
        "SERVER_SIGNATURE_OF_APACHE",
        ". If it belongs to another program, list it in AKKACHARGING_FOREIGN_VARIABLES."
    )]
    public void VariableThatIsNoSetting_IsRefused_UnlessItIsListedAsForeign(string name, string advice)
    {
        using var folder = new SettingsFolder();
        folder.Variable("SERVER_ALLOW_ANONYMOUS", "true").Variable(name, Canary);

        Assert.Equal([$"environment variable {name} is not a setting{advice}"], folder.Problems());

        folder.Variable("AKKACHARGING_FOREIGN_VARIABLES", $"OTHER, {name}");

        Assert.NotNull(folder.Load());
    }

    /// <summary>systemd sets it for each unit whose output it keeps.</summary>
    [Fact]
    public void VariableOfSystemd_IsNotTakenForASetting()
    {
        using var folder = new SettingsFolder();
        folder.Variable("SERVER_ALLOW_ANONYMOUS", "true").Variable("JOURNAL_STREAM", "8:1234");

        Assert.NotNull(folder.Load());
    }

    [Theory]
    [InlineData("Host=db;Username=u;Password=canary-4711")]
    [InlineData("host=db user=u password=canary-4711")]
    [InlineData("Host=db;Username=u;PSW=canary-4711")]
    [InlineData("Host=db;Username=u;Password = canary-4711")]
    [InlineData("host=db user=u password = canary-4711")]
    [InlineData("host=db user=u pwd=canary-4711")]
    [InlineData("postgres://u:canary-4711@db/charging")]
    [InlineData("Server=db;User Id=u")]
    public void ConnectionStringAsThePathOfTheJournal_IsRefused_AndNotShown(string value)
    {
        using var folder = new SettingsFolder();
        folder.Variable("SERVER_ALLOW_ANONYMOUS", "true").Variable("JOURNAL_PATH", value);

        var problem = Assert.Single(folder.Problems());

        Assert.Contains("journal.path", problem, StringComparison.Ordinal);
        Assert.Contains("journal.connectionString", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MANAGEMENT_TOKEN", "canary-4711\n", "canary-4711")]
    [InlineData("AUTHORIZATION_HTTP_BEARER_TOKEN", "canary-4711\r\n", "canary-4711")]
    [InlineData("CLUSTER_TLS_PASSWORD", " canary 4711 ", " canary 4711 ")]
    [InlineData("JOURNAL_CONNECTION_STRING", "Host=a;Password=canary-4711", "Host=a;Password=canary-4711")]
    public void SecretInAFile_IsAsGoodAsInItsVariable(string name, string text, string secret)
    {
        using var folder = new SettingsFolder();
        folder
            .File("secret", text)
            .Variable("SERVER_ALLOW_ANONYMOUS", "true")
            .Variable("CLUSTER_TLS_CERTIFICATE_FILE", "node.p12")
            .Variable($"{name}_FILE", Path.Combine(folder.Path, "secret"));

        var settings = folder.Load();

        Assert.Contains(
            secret,
            (string[])
                [
                    settings.Management.Token,
                    settings.Authorization.Http.BearerToken,
                    settings.Cluster.Tls.Password,
                    settings.Journal.ConnectionString,
                ]
        );
        Assert.Equal([new SecretFile(Path.Combine(folder.Path, "secret"), $"{name}_FILE")], settings.SecretFiles);
        Assert.DoesNotContain(settings.Effective, setting => setting.Value.Contains("4711", StringComparison.Ordinal));

        folder.Variable(name, "x");

        Assert.EndsWith(
            $"{name} sets it already. Keep one of them.",
            Assert.Single(folder.Problems()),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("", "it is empty.")]
    [InlineData("\n", "it is empty.")]
    [InlineData(null, "it is not a regular file")]
    public void SecretFileThatCannotBeUsed_IsRefused(string? text, string problem)
    {
        using var folder = new SettingsFolder();
        if (text is not null)
            folder.File("secret", text);
        var file = text is null ? folder.Path : Path.Combine(folder.Path, "secret");
        folder.Variable("SERVER_ALLOW_ANONYMOUS", "true").Variable("MANAGEMENT_TOKEN_FILE", file);

        Assert.Equal(
            [$"environment variable MANAGEMENT_TOKEN_FILE: the file cannot be used: {problem}"],
            folder.Problems()
        );
    }

    [Fact]
    public void SecretFileWithABadSecret_IsRefused_WithoutIt()
    {
        using var folder = new SettingsFolder();
        folder
            .File("secret", "canary 4711")
            .Variable("SERVER_ALLOW_ANONYMOUS", "true")
            .Variable("MANAGEMENT_TOKEN_FILE", Path.Combine(folder.Path, "secret"));

        Assert.Equal(
            [
                "environment variable MANAGEMENT_TOKEN_FILE: management.token = (secret) cannot be read; expected "
                    + "printable ASCII without spaces, or empty.",
            ],
            folder.Problems()
        );
    }

    [Theory]
    [InlineData("PATH")]
    [InlineData("SERVERS_MAX")]
    [InlineData("server_port")]
    [InlineData("MY_SERVER_PORT")]
    public void VariableOutsideOfTheNamespaces_IsIgnored(string name) =>
        Assert.NotNull(Loading.Variable(name, "anything"));

    [Fact]
    public void ServiceLinks_AreIgnored_AndRefusedWhereTheyTakeASettingsName()
    {
        using var folder = new SettingsFolder();
        folder
            .Variable("SERVER_ALLOW_ANONYMOUS", "true")
            .Variable("SERVER_SERVICE_HOST", "10.96.0.7")
            .Variable("SERVER_SERVICE_PORT", "80")
            .Variable("SERVER_SERVICE_PORT_HTTP", "80")
            .Variable("SERVER_PORT_80_TCP", "tcp://10.96.0.7:80")
            .Variable("SERVER_PORT_80_TCP_ADDR", "10.96.0.7")
            .Variable("QUEUE_PORT", "tcp://10.96.0.8:80");

        Assert.NotNull(folder.Load());

        folder.Variable("SERVER_PORT", "tcp://10.96.0.7:80");

        Assert.Equal(
            [
                "environment variable SERVER_PORT: contains a service link of the container platform; expected a "
                    + "port. Set enableServiceLinks: false for the pod.",
            ],
            folder.Problems()
        );
    }

    [Theory]
    [InlineData("management.token = \"canary-4711 \"")]
    [InlineData("authorization.http.bearerToken = \"canary-4711 \"")]
    [InlineData("authorization.http.url = \"https://user:canary-4711@a.example\"")]
    [InlineData("authorization.http.url = \"ftp://a.example/?key=canary-4711\"")]
    [InlineData("authorization.http.url = \"a.example/?key=canary-4711\"")]
    [InlineData("authorization.http.url = \"ftp://a.example/#canary-4711\"")]
    [InlineData("authorization.http.url = \"user:canary-4711@a.example\"")]
    [InlineData("authorization.http.url = \"a.example/#canary-4711\"")]
    [InlineData("queue.maxSize = \"whsec_canary-4711\"")]
    [InlineData("journal.kind = \"Host=db;Password=canary-4711\"")]
    [InlineData("callback.signing.keys = [\"canary-4711\"]")]
    [InlineData("callback.signing.keys = \"canary-4711\"")]
    [InlineData("journal.encryptionKeys = canary-4711")]
    [InlineData("cluster.tls.password = [\"canary-4711\"]")]
    [InlineData("journal.connectionString = [\"canary-4711\"]")]
    [InlineData("server.apiKeys = [{ name = a, sha256 = canary-4711 }]")]
    [InlineData("server.apiKeys = [canary-4711]")]
    [InlineData("server.apiKeys = canary-4711")]
    [InlineData("management.token = \"canary-4711\" x")]
    [InlineData("management.token = \"canary-4711")]
    [InlineData("management.token = canary-4711$")]
    [InlineData("management.token = a\nmanagement.token = canary-4711")]
    [InlineData("management.tokn = canary-4711")]
    public void Secret_IsNeverEchoed(string text)
    {
        Assert.DoesNotContain(Canary, string.Join('\n', Loading.ProblemsOf(text)), StringComparison.Ordinal);

        var (key, value) = (text.Split(" = ")[0], text.Split(" = ", 2)[1]);
        using var folder = new SettingsFolder();
        folder.Variable(SettingsEnvironment.NameOf(key), value.Trim('"'));

        Assert.DoesNotContain(Canary, string.Join('\n', folder.Problems()), StringComparison.Ordinal);
    }

    [Fact]
    public void LongOrMultilineValue_IsShownInPart()
    {
        var problem = Assert.Single(Loading.ProblemsOfVariable("QUEUE_MAX_SIZE", $"a\nb{new string('x', 100)}"));

        Assert.Equal(
            $"environment variable QUEUE_MAX_SIZE: queue.maxSize = 'a?b{new string('x', 77)}…' cannot be read; "
                + "expected a whole number from 1 to 10000000.",
            problem
        );
    }

    [Theory]
    [InlineData("htps://hooks.a.example/services/" + Canary, "htps://hooks.a.example/…")]
    [InlineData("hooks.a.example/services/" + Canary, "hooks.a.example/…")]
    public void PathOfAUrl_IsInNoMessage(string url, string shown)
    {
        var http = Assert.Single(Loading.ProblemsOfVariable("AUTHORIZATION_HTTP_URL", url));
        var partner = Assert.Single(
            Loading.ProblemsOfVariable(
                "AUTHORIZATION_OCPI_PARTNERS",
                $$"""[{"name":"a","tokensUrl":"{{url}}","tokenFile":"a","parties":["NL-TNM"]}]"""
            ),
            problem => problem.Contains("tokensUrl = ", StringComparison.Ordinal)
        );

        Assert.Contains($"authorization.http.url = '{shown}' cannot be read", http, StringComparison.Ordinal);
        Assert.Contains($"tokensUrl = '{shown}' cannot be read", partner, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, http + partner, StringComparison.Ordinal);
    }

    [Fact]
    public void EffectiveSettings_SayWhereEachCameFrom_WithoutSecrets()
    {
        using var folder = new SettingsFolder();
        folder
            .File(
                "hocon/application.conf",
                $$"""
                {{SettingsFolder.Anonymous}}
                management.token = {{Canary}}
                server.apiKeys = [{ name = app, sha256 = {{SettingsTable.Sha}} }]
                callback.signing.keys = ["{{SettingsTable.SigningKey}}"]
                authorization.http.url = "https://a.example/{{Canary}}/x?key={{Canary}}"
                journal { encryptionKeys = ["{{SettingsTable.EncryptionKey}}"], connectionString = "{{Canary}}" }
                """
            )
            .Variable("CALLBACK_SECURITY_ALLOWED_PORTS", "80,443")
            .Variable("AUTHORIZATION_HTTP_BEARER_TOKEN", Canary);

        var effective = folder
            .Load()
            .Effective.ToDictionary(setting => setting.Path, setting => (setting.Value, setting.Origin));

        Assert.DoesNotContain(
            effective.Values,
            shown =>
                shown.Value.Contains(Canary, StringComparison.Ordinal)
                || shown.Value.Contains("whsec", StringComparison.Ordinal)
        );
        Assert.DoesNotContain(
            effective.Values,
            shown => shown.Value.Contains(SettingsTable.Sha, StringComparison.Ordinal)
        );
        Assert.DoesNotContain(
            effective.Values,
            shown => shown.Value.Contains(SettingsTable.EncryptionKey, StringComparison.Ordinal)
        );
        Assert.Equal(("(secret)", "hocon/application.conf:3"), effective["management.token"]);
        Assert.Equal(("[1 (secret)]", "hocon/application.conf:4"), effective["server.apiKeys"]);
        Assert.Equal(("app", "hocon/application.conf:4"), effective["server.apiKeys[0].name"]);
        Assert.Equal(("https://a.example/…", "hocon/application.conf:6"), effective["authorization.http.url"]);
        Assert.Equal(
            ("80,443", "environment variable CALLBACK_SECURITY_ALLOWED_PORTS"),
            effective["callback.security.allowedPorts"]
        );
        Assert.Equal("[]", effective["callback.security.allow"].Value);
        Assert.Equal("acl.csv", effective["authorization.acl.file"].Value);
        Assert.StartsWith("reference.conf:", effective["queue.maxSize"].Origin, StringComparison.Ordinal);
    }
}
