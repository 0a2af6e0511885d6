using System.CommandLine;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Host.Composition;
using AkkaCharging.Host.Connections;
using AkkaCharging.Host.Http;
using AkkaCharging.Host.Telemetry;
using AkkaCharging.Journal;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Cli;

/// <summary>The result of one check.</summary>
/// <param name="Verdict">The verdict: <c>ok</c>, <c>warning</c> or <c>failed</c>.</param>
internal sealed record Finding(string Check, string Verdict, string Text)
{
    public const string Ok = "ok";
    public const string Warning = "warning";
    public const string Failed = "failed";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Finding))]
internal sealed partial class DoctorJson : JsonSerializerContext;

/// <summary>
/// Checks what a start needs: files, partners, the journal, certificates and the clock. Changes nothing, and may run
/// while a service is running.
/// </summary>
internal static class DoctorCommand
{
    private const int VerdictWidth = 7;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Expiring = TimeSpan.FromDays(14);

    /// <summary>Creates the command.</summary>
    /// <param name="config">The option that names the settings file.</param>
    /// <param name="own">The program's own services.</param>
    public static Command Create(Option<string?> config, OwnServices own, TextWriter output, TextWriter error)
    {
        var json = ListOptions.CreateJson();
        var command = new Command(
            "doctor",
            "Check everything that a start needs: files, partners, journal, certificates, clock. Exit code 1 if a "
                + "check failed."
        )
        {
            json,
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                if (CommandLine.Load(parsed.GetValue(config), error) is not { } settings)
                    return 1;
                var hasFailed = false;
                var sources = CommandLine.Sources(parsed.GetValue(config));
                await foreach (var finding in ExamineAsync(settings, sources, own, cancellation))
                {
                    hasFailed |= string.Equals(finding.Verdict, Finding.Failed, StringComparison.Ordinal);
                    await output.WriteLineAsync(
                        parsed.GetValue(json)
                            ? ReadableJson.Text(finding, DoctorJson.Default.Finding)
                            : $"{Mark(output, finding.Verdict)}  {finding.Check}: {finding.Text}"
                    );
                }

                return hasFailed ? 1 : 0;
            }
        );
        return command;
    }

    private static async IAsyncEnumerable<Finding> ExamineAsync(
        ChargingSettings settings,
        SettingsSources sources,
        OwnServices own,
        [EnumeratorCancellation] CancellationToken cancellation
    )
    {
        (string Name, Func<Task<IReadOnlyList<Finding>>> Check)[] checks =
        [
            ("settings", () => Found(Insecure(settings))),
            ("process", () => Found(OfProcess(settings, sources))),
            ("files", () => Found(Files(settings, own))),
            ("partners", () => PartnersAsync(settings, cancellation)),
            ("journal", async () => [.. (await JournalProbe.ExamineAsync(settings.Journal, cancellation)).Select(Of)]),
            ("certificates", () => Found(Certificates(settings))),
        ];
        foreach (var (name, check) in checks)
        {
            foreach (var finding in await TryAsync(name, check, cancellation))
                yield return finding;
        }
    }

    private static async Task<IReadOnlyList<Finding>> TryAsync(
        string name,
        Func<Task<IReadOnlyList<Finding>>> check,
        CancellationToken cancellation
    )
    {
        try
        {
            // A file or a database that hangs delays only its own check.
            return await Task.Run(check, cancellation).WaitAsync(Patience, cancellation);
        }
        catch (InvalidSettingsException e)
        {
            return [.. e.Problems.Select(problem => new Finding(name, Finding.Failed, problem))];
        }
        // The last two: a path that cannot be followed, such as a loop of links.
        catch (Exception e)
            when (e
                    is InvalidAclException
                        or InvalidJournalException
                        or JournalUnavailableException
                        or IOException
                        or UnauthorizedAccessException
            )
        {
            return [new(name, Finding.Failed, e.Message)];
        }
        catch (TimeoutException)
        {
            return [new(name, Finding.Failed, $"There was no answer within {Patience.TotalSeconds:N0} s.")];
        }
    }

    private static IReadOnlyList<Finding> Insecure(ChargingSettings settings) =>
        [
            new("settings", Finding.Ok, "They are valid."),
            .. InsecureChoices.WarningsOf(settings).Select(choice => new Finding("settings", Finding.Warning, choice)),
        ];

    private static IReadOnlyList<Finding> OfProcess(ChargingSettings settings, SettingsSources sources)
    {
        OtlpSettings.Read(sources.Environment);
        var files = FileBudget.Of(ProcessFiles.Limit, settings);
        return
        [
            new("process", Finding.Ok, "OpenTelemetry's variables and the limit on open files can be used."),
            .. files
                .Cuts(settings)
                .Select(cut => new Finding("process", Finding.Warning, $"The file limit is low: {cut}")),
        ];
    }

    private static IReadOnlyList<Finding> Files(ChargingSettings settings, OwnServices own)
    {
        own.Check(settings.Authorization);
        SettingsFiles.Check(settings);
        return [new("files", Finding.Ok, "Every file that the settings name can be read.")];
    }

    private static async Task<IReadOnlyList<Finding>> PartnersAsync(
        ChargingSettings settings,
        CancellationToken cancellation
    )
    {
        await AuthorizationHosting.CheckPartnersAsync(settings.Authorization, cancellation);
        return
        [
            new(
                "partners",
                Finding.Ok,
                "All partners that can be checked without a driver token answer as " + "expected."
            ),
        ];
    }

    private static IReadOnlyList<Finding> Certificates(ChargingSettings settings)
    {
        var found = new List<Finding>();
        (string Block, ListenerTlsSettings Tls)[] listeners =
        [
            ("server", settings.Server.Tls),
            ("management", settings.Management.Tls),
        ];
        foreach (var (block, tls) in listeners)
        {
            if (!tls.IsOn)
                continue;
            using var certificate = new ListenerCertificate(block, tls, TimeProvider.System);
            var left = certificate.ExpiresAt - TimeProvider.System.GetUtcNow();
            found.Add(
                new(
                    "certificates",
                    left <= TimeSpan.Zero ? Finding.Failed
                        : left < Expiring ? Finding.Warning
                        : Finding.Ok,
                    $"The certificate of {block}.tls expires on {Cells.Of(certificate.ExpiresAt)}."
                )
            );
        }

        return found;
    }

    private static string Mark(TextWriter output, string verdict) =>
        Terminal.Of(output).Paint(Tones.Of(verdict), verdict) + new string(' ', VerdictWidth - verdict.Length);

    private static Task<IReadOnlyList<Finding>> Found(IReadOnlyList<Finding> findings) => Task.FromResult(findings);

    private static Finding Of(ProbeFinding finding) =>
        new(
            "journal",
            finding.Severity switch
            {
                ProbeSeverity.Failed => Finding.Failed,
                ProbeSeverity.Warning => Finding.Warning,
                _ => Finding.Ok,
            },
            finding.Text
        );
}
