using AkkaCharging.Journal;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Cli;

/// <summary>What commands that read the journal have in common.</summary>
internal static class JournalCommands
{
    /// <summary>Runs a command on the settings of this process's surroundings.</summary>
    /// <returns>The exit code: 1 when the settings or the journal cannot be used, which <paramref name="error"/>
    /// says.</returns>
    public static async Task<int> RunAsync(string? configFile, TextWriter error, Func<ChargingSettings, Task> run)
    {
        if (CommandLine.Load(configFile, error) is not { } settings)
            return 1;
        try
        {
            await run(settings);
            return 0;
        }
        catch (Exception e) when (e is InvalidJournalException or JournalUnavailableException or InvalidDataException)
        {
            await error.WriteLineAsync(e.Message);
            return 1;
        }
    }
}
