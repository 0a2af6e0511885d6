using AkkaCharging.Journal;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Cli;

/// <summary>The common part of commands that read the journal.</summary>
internal static class JournalCommands
{
    /// <summary>Runs a command with the settings of this process's environment.</summary>
    /// <returns>
    /// The exit code: 1 when the settings or the journal cannot be used, for a reason written to
    /// <paramref name="error"/>.
    /// </returns>
    public static async Task<int> RunAsync(string? configFile, TextWriter error, Func<ChargingSettings, Task> run)
    {
        if (CommandLine.Load(configFile, error) is not { } settings)
            return 1;
        try
        {
            await run(settings);
            return 0;
        }
        // The last two: a file cannot be read, or the output cannot be written.
        catch (Exception e)
            when (e
                    is InvalidJournalException
                        or JournalUnavailableException
                        or DamagedRequestException
                        or InvalidDataException
                        or IOException
                        or UnauthorizedAccessException
            )
        {
            await error.WriteLineAsync(e.Message);
            return 1;
        }
    }
}
