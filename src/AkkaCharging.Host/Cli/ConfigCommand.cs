using System.CommandLine;
using AkkaCharging.Host.Admin;
using AkkaCharging.Host.Http;

namespace AkkaCharging.Host.Cli;

/// <summary>Checks the settings and shows them.</summary>
internal static class ConfigCommand
{
    /// <summary>Creates the command.</summary>
    /// <param name="config">The option that names the settings file.</param>
    /// <param name="checkAsync">Checks the settings of a file.</param>
    public static Command Create(
        Option<string?> config,
        Func<string?, CancellationToken, Task<int>> checkAsync,
        TextWriter output,
        TextWriter error
    )
    {
        var check = new Command("check", "Validate the settings and print every problem.");
        check.SetAction((parsed, cancellation) => checkAsync(parsed.GetValue(config), cancellation));

        var part = new Argument<string>("PART")
        {
            Description = "Only settings whose path contains this text.",
            DefaultValueFactory = _ => "",
        };
        var json = ListOptions.CreateJson();
        var show = new Command("show", "Show the settings in effect and where each came from, secrets redacted.")
        {
            part,
            json,
        };
        show.SetAction(parsed =>
        {
            if (CommandLine.Load(parsed.GetValue(config), error) is not { } settings)
                return 1;
            var wanted = parsed.GetValue(part)!;
            foreach (
                var setting in settings.Effective.Where(setting =>
                    setting.Path.Contains(wanted, StringComparison.OrdinalIgnoreCase)
                )
            )
                output.WriteLine(
                    parsed.GetValue(json)
                        ? ReadableJson.Text(
                            new(setting.Path, setting.Value, setting.Origin),
                            AdminJson.Default.SettingAnswer
                        )
                        : $"{setting.Path} = {Cells.Of(setting.Value)}  ({setting.Origin})"
                );
            return 0;
        });
        return new Command("config", "Check the settings, or show them.") { check, show };
    }
}
