using System.Collections;
using System.CommandLine;
using System.Net.Sockets;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Clustering;
using AkkaCharging.Files;
using AkkaCharging.Host.Composition;
using AkkaCharging.Host.Connections;
using AkkaCharging.Host.Http;
using AkkaCharging.Host.Lifetime;
using AkkaCharging.Host.Telemetry;
using AkkaCharging.Journal;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Cli;

/// <summary>
/// The commands of the executable: serve, check the settings, query and operate a running service, read decisions, move
/// the journal, create keys.
/// </summary>
/// <remarks>
/// Exit codes: 0 for success; 1 for invalid settings, an unhealthy service, an unreadable journal or a wrong command
/// line; 2 for a node that its cluster has removed, or that left it because it alone lost the journal.
/// </remarks>
internal static class CommandLine
{
    private const int EndedByItsCluster = 2;
    private static readonly TimeSpan ProbePatience = TimeSpan.FromSeconds(3);

    /// <summary>
    /// Time-out for disposing all services after a stop. Each of them has a shorter one; this one is for what has none,
    /// such as a program's own services.
    /// </summary>
    private static readonly TimeSpan ClosingMax = TimeSpan.FromSeconds(30);

    /// <summary>Runs the command that <paramref name="args"/> name.</summary>
    /// <param name="configure">Registers the program's own services; null for none.</param>
    /// <param name="signals">Signals that a serving process obeys, and any other command leaves to the runtime; null
    /// for none.</param>
    public static Task<int> RunAsync(
        IReadOnlyList<string> args,
        TextReader input,
        TextWriter output,
        TextWriter error,
        Action<IServiceCollection>? configure = null,
        ProcessSignals? signals = null
    )
    {
        var own = new OwnServices(configure);
        var config = new Option<string?>("--config")
        {
            Description = "Settings file in place of hocon/application.conf.",
            HelpName = "FILE",
            Recursive = true,
        };
        var checkOnly = new Option<bool>("--check-config")
        {
            Description = "Validate the settings, print every problem and exit.",
        };
        var root = new RootCommand(
            "AkkaCharging: asynchronous authorization of EV charging sessions. Serves when no command is given."
        )
        {
            config,
            checkOnly,
        };
        root.SetAction(
            (parsed, cancellation) =>
                parsed.GetValue(checkOnly)
                    ? CheckAsync(parsed.GetValue(config), own, output, error, cancellation)
                    : ServeAsync(parsed.GetValue(config), own, error, signals, cancellation)
        );
        var serve = new Command("serve", "Serve requests; this is the default command.");
        serve.SetAction(
            (parsed, cancellation) => ServeAsync(parsed.GetValue(config), own, error, signals, cancellation)
        );
        root.Add(serve);
        root.Add(
            ConfigCommand.Create(
                config,
                (file, cancellation) => CheckAsync(file, own, output, error, cancellation),
                output,
                error
            )
        );
        root.Add(DoctorCommand.Create(config, own, output, error));

        var health = new Command("health", "Check whether the service on this machine is ready: exit code 0 if it is.");
        health.SetAction((parsed, cancellation) => HealthAsync(parsed.GetValue(config), output, error, cancellation));
        root.Add(health);
        root.Add(AuditCommand.Create(config, input, output, error));
        root.Add(RequestCommand.Create(config, input, output, error));
        root.Add(DeadLettersCommand.Create(config, output, error));
        root.Add(ReceiversCommand.Create(config, output, error));
        root.Add(MigrateCommand.Create(config, output, error));
        root.Add(KeyCommand.Create(input, output, error));
        root.Add(SecretsCommand.Create(output, error));
        root.Add(CompletionCommand.Create(output));
        foreach (var version in root.Options.OfType<VersionOption>())
            version.Action = new PrintVersion(output);
        var command = root.Parse(args);
        var serves =
            command.CommandResult.Command == serve
            || (command.CommandResult.Command == root && !command.GetValue(checkOnly));
        if (!serves)
            signals?.Dispose();
        return command.InvokeAsync(
            new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // ProcessSignals handles SIGTERM
            },
            serves && signals is not null ? signals.Stop : CancellationToken.None
        );
    }

    /// <summary>Creates the sources of the settings from the environment of this process.</summary>
    internal static SettingsSources Sources(string? configFile)
    {
        var environment = Environment
            .GetEnvironmentVariables()
            .Cast<DictionaryEntry>()
            .ToDictionary(
                variable => (string)variable.Key,
                variable => (string?)variable.Value ?? "",
                StringComparer.Ordinal
            );
        var name =
            environment.GetValueOrDefault("DOTNET_ENVIRONMENT")
            ?? environment.GetValueOrDefault("ASPNETCORE_ENVIRONMENT");
        var isDevelopment = string.Equals(name, Environments.Development, StringComparison.OrdinalIgnoreCase);
        return new(configFile, isDevelopment, environment, Environment.CurrentDirectory, AppContext.BaseDirectory);
    }

    private static async Task<int> ServeAsync(
        string? configFile,
        OwnServices own,
        TextWriter error,
        ProcessSignals? signals,
        CancellationToken stop
    )
    {
        if (Load(configFile, error) is not { } settings || stop.IsCancellationRequested)
            return stop.IsCancellationRequested ? 0 : 1;
        if (Try(error, () => Build(settings, own, configFile)) is not { } app)
            return 1;
        if (signals is not null)
            signals.ReloadRequested += (_, _) =>
            {
                app.Logger.LogInformation("Received SIGHUP; rereading the watched files");
                FileWatch.ReadAllAgain();
            };
        var exitCode = await ServeAsync(app, settings, error, stop);
        await CloseAsync(app, error);
        return exitCode;
    }

    private static async Task<int> ServeAsync(
        WebApplication app,
        ChargingSettings settings,
        TextWriter error,
        CancellationToken stop
    )
    {
        var journal = app.Services.GetRequiredService<IRequestJournal>();
        var node = app.Services.GetService<ClusterNode>();
        try
        {
            await using (stop.Register(app.Lifetime.StopApplication))
                await app.OpenAsync(settings);
            await app.WaitForShutdownAsync(stop);
            if (journal.Invalid.IsCompleted)
                throw await journal.Invalid;
            return ExitCodeOf(node);
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            var exitCode = ExitCodeOf(node); // before the stop, which ends the actor system too
            await app.StopAsync(CancellationToken.None); // stopped during the start: drains what is already running
            return exitCode;
        }
        catch (Exception e) when (e is InvalidJournalException or CannotListenException)
        {
            await error.WriteLineAsync(e.Message);
            return 1;
        }
    }

    // A special code for a node that its cluster ended, for supervisors that restart only failed processes.
    private static int ExitCodeOf(ClusterNode? node) => node?.EndedBy is null ? 0 : EndedByItsCluster;

    /// <summary>Disposes all services, the log last.</summary>
    private static async Task CloseAsync(WebApplication app, TextWriter error)
    {
        var closing = Task.Run(async () => await app.DisposeAsync());
        try
        {
            await closing.WaitAsync(ClosingMax);
        }
        catch (TimeoutException)
        {
            await error.WriteLineAsync(
                $"The service was stopped, but not all of it was closed within {ClosingMax.TotalSeconds} s: the "
                    + "process ends all the same."
            );
        }
    }

    private static WebApplication Build(ChargingSettings settings, OwnServices own, string? configFile)
    {
        own.Check(settings.Authorization);
        return ChargingHost.Build(settings, own.AddTo, Sources(configFile));
    }

    private static async Task<int> CheckAsync(
        string? configFile,
        OwnServices own,
        TextWriter output,
        TextWriter error,
        CancellationToken cancellation
    )
    {
        if (
            Load(configFile, error) is not { } settings
            || Try(error, () => CheckFiles(settings, own, configFile, error)) is null
        )
            return 1;
        try
        {
            await AuthorizationHosting.CheckPartnersAsync(settings.Authorization, cancellation);
        }
        catch (InvalidSettingsException e)
        {
            WriteProblem(error, e);
            return 1;
        }

        if (own.AuthorizerName is { } authorizer)
            await output.WriteLineAsync($"Authorizer: {authorizer} (authorization.provider = custom).");
        await output.WriteLineAsync(Terminal.Of(output).Paint(Tone.Good, "The settings are valid."));
        return 0;
    }

    private static ChargingSettings CheckFiles(
        ChargingSettings settings,
        OwnServices own,
        string? configFile,
        TextWriter error
    )
    {
        own.Check(settings.Authorization);
        SettingsFiles.Check(settings);
        OtlpSettings.Read(Sources(configFile).Environment);
        FileBudget.Of(ProcessFiles.Limit, settings);
        foreach (var warning in InsecureChoices.WarningsOf(settings))
            error.WriteLine($"{Terminal.Of(error).Paint(Tone.Doubtful, "warning:")} {warning}");
        return settings;
    }

    private static async Task<int> HealthAsync(
        string? configFile,
        TextWriter output,
        TextWriter error,
        CancellationToken cancellation
    )
    {
        if (Load(configFile, error) is not { } settings)
            return 1;
        using var http = LoopbackHttp.CreateProbe(
            settings.Server.Host,
            settings.Server.Port,
            settings.Server.Tls.IsOn,
            ProbePatience
        );
        var probe = new Uri(http.BaseAddress!, "/health/ready");
        try
        {
            using var response = await http.GetAsync(probe, cancellation);
            var answer = await response.Content.ReadAsStringAsync(cancellation);
            var tone = response.IsSuccessStatusCode ? Tone.Good : Tone.Bad;
            await output.WriteLineAsync(Terminal.Of(output).Paint(tone, answer));
            return response.IsSuccessStatusCode ? 0 : 1;
        }
        // SocketException: the listener closed the connection at once.
        catch (Exception e) when (e is HttpRequestException or SocketException or TaskCanceledException)
        {
            await error.WriteLineAsync($"No answer from {probe}: {e.Message}");
            return 1;
        }
    }

    /// <summary>Loads the settings.</summary>
    /// <returns>Null when the settings are invalid; <paramref name="error"/> then lists every problem.</returns>
    internal static ChargingSettings? Load(string? configFile, TextWriter error) =>
        Try(error, () => SettingsLoader.Load(Sources(configFile)));

    /// <returns>Null when the settings are invalid; <paramref name="error"/> then says why.</returns>
    private static T? Try<T>(TextWriter error, Func<T> use)
        where T : class
    {
        try
        {
            return use();
        }
        catch (Exception e)
            when (e
                    is InvalidSettingsException
                        or InvalidAclException
                        or InvalidJournalException
                        or CannotListenException
                        or IOException // a file that the settings name
                        or UnauthorizedAccessException
            )
        {
            WriteProblem(error, e);
            return null;
        }
    }

    /// <summary>Writes why the settings cannot be used; the first line says what the others list.</summary>
    private static void WriteProblem(TextWriter error, Exception problem)
    {
        var lines = problem.Message.Split('\n', 2);
        lines[0] = Terminal.Of(error).Paint(Tone.Bad, lines[0].TrimEnd('\r'));
        error.WriteLine(string.Join(Environment.NewLine, lines));
    }

    private sealed class PrintVersion(TextWriter output) : System.CommandLine.Invocation.SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            output.WriteLine(ProductVersion.Text);
            return 0;
        }
    }
}
