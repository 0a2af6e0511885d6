using AkkaCharging.Host.Logging;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace AkkaCharging.Host.Tests;

[Trait("Category", "Component")]
public sealed class LogLevelReloadTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-").FullName;

    private string Conf => Path.Combine(_folder, "my.conf");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task ChangedFile_SetsEveryLevel_ABrokenOneNone()
    {
        await File.WriteAllTextAsync(Conf, Text("info"));
        await using var service = await RunningService.StartAsync(sources: Sources());
        var levels = service.App.Services.GetRequiredService<LogLevels>();

        await ReplaceAsync(Text("error"));
        await Eventually.HoldsAsync(() => levels.Current == LogThreshold.Error, "the level is error");
        Assert.Equal(
            (Serilog.Events.LogEventLevel.Error, Serilog.Events.LogEventLevel.Error, Akka.Event.LogLevel.ErrorLevel),
            (levels.Own.MinimumLevel, levels.Frameworks.MinimumLevel, levels.Akka)
        );
        Assert.Equal(
            Akka.Event.LogLevel.ErrorLevel,
            service.App.Services.GetRequiredService<Akka.Actor.ActorSystem>().EventStream.LogLevel
        );

        await ReplaceAsync(Text("loud"));
        await Eventually.HoldsAsync(
            () => CapturedConsole.Text.Contains("the log level stays Error", StringComparison.Ordinal),
            "the broken file is reported"
        );
        Assert.Equal(LogThreshold.Error, levels.Current);

        await ReplaceAsync(Text("debug"));
        await Eventually.HoldsAsync(() => levels.Current == LogThreshold.Debug, "the level is debug");
        Assert.Equal(
            (Serilog.Events.LogEventLevel.Debug, Serilog.Events.LogEventLevel.Warning),
            (levels.Own.MinimumLevel, levels.Frameworks.MinimumLevel)
        );

        await ReplaceAsync(Text("debug") + "# the same\n");
        await Eventually.HoldsAsync(
            () => CapturedConsole.Text.Contains("The settings were reloaded", StringComparison.Ordinal),
            "the same level is reported"
        );

        await ReplaceAsync(Text("warning"));
        await Eventually.HoldsAsync(() => levels.Current == LogThreshold.Warning, "the level is warning");
        Assert.Equal(Serilog.Events.LogEventLevel.Warning, levels.Own.MinimumLevel);
    }

    [Fact]
    public async Task PipeInPlaceOfTheFile_KeepsTheLevel_AndAFileAgainIsTakenUp()
    {
        await File.WriteAllTextAsync(Conf, Text("info"));
        await using var service = await RunningService.StartAsync(sources: Sources());
        var levels = service.App.Services.GetRequiredService<LogLevels>();

        await Pipes.MakeAsync(Conf);
        await Eventually.HoldsAsync(
            () => CapturedConsole.Text.Contains($"{Conf}: it is not a regular file", StringComparison.Ordinal),
            "the pipe is reported"
        );

        await ReplaceAsync(Text("error"));
        await Eventually.HoldsAsync(() => levels.Current == LogThreshold.Error, "the level is error");
    }

    [Fact]
    public async Task LevelThatChangedDuringTheStart_IsTaken()
    {
        var levels = new LogLevels(LogThreshold.Info);
        await File.WriteAllTextAsync(Conf, Text("error"));
        using var reload = new LogLevelReload(
            levels,
            Sources(),
            TimeProvider.System,
            NullLogger<LogLevelReload>.Instance
        );

        await reload.StartAsync(default);

        Assert.Equal(LogThreshold.Error, levels.Current);
    }

    private static string Text(string level) => $"server.host = localhost\nlogging.level = {level}\n";

    private SettingsSources Sources() =>
        new("my.conf", Development: false, new Dictionary<string, string>(StringComparer.Ordinal), _folder, _folder);

    private async Task ReplaceAsync(string text)
    {
        await File.WriteAllTextAsync(Conf + ".new", text);
        File.Move(Conf + ".new", Conf, overwrite: true);
    }
}
