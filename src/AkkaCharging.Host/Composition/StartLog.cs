using AkkaCharging.Host.Connections;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Composition;

/// <summary>Messages that every start logs once.</summary>
internal static class StartLog
{
    /// <summary>
    /// Logs the place of the journal, the shares of open files, and each setting that they reduce, that has no effect
    /// or that is insecure.
    /// </summary>
    /// <param name="settings">The settings as loaded, before <paramref name="files"/> reduced them.</param>
    public static void LogStart(this WebApplication app, ChargingSettings settings, FileBudget files)
    {
        app.Logger.LogInformation("The journal is {Journal:l}", Describe(settings.Journal));
        app.Logger.LogInformation(
            "File limit {FileLimit}: {Callers} for callers, {Operators} for operators, {Callbacks} for callbacks, "
                + "{Rest} for the service itself",
            files.Limit,
            files.Callers,
            files.Operators,
            files.Callbacks,
            files.Rest
        );
        foreach (var cut in files.Cuts(settings))
            app.Logger.LogWarning("The file limit is low: {Cut:l}", cut);
        foreach (var warning in settings.Warnings)
            app.Logger.LogWarning("Ineffective setting: {Warning:l}", warning);
        foreach (var choice in InsecureChoices.Of(settings))
            app.Logger.LogWarning("Insecure setting: {Choice:l}", choice);
    }

    private static string Describe(JournalSettings journal) =>
        journal.Kind switch
        {
            JournalKind.Sqlite => $"the file {Path.GetFullPath(journal.Path)}",
            JournalKind.Postgres => "in PostgreSQL",
            _ => "in memory: pending requests are lost when the process ends",
        };
}
