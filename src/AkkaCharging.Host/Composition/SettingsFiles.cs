using AkkaCharging.Authorization.Acl;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Composition;

/// <summary>The files that settings name: access list, keys, certificates.</summary>
internal static class SettingsFiles
{
    /// <summary>Reads every file that <paramref name="settings"/> name, as a start does.</summary>
    /// <exception cref="InvalidSettingsException">Some files cannot be used, all of which are listed.</exception>
    public static void Check(ChargingSettings settings)
    {
        Action[] checks =
        [
            () => SessionHosting.Check(settings.Server),
            () => ServerHosting.Check("server", settings.Server.Tls),
            () => ServerHosting.Check("management", settings.Management.Tls),
            () => JournalHosting.Check(settings),
            () => JournalHosting.CheckKeys(settings.Journal),
            () => PipelineHosting.Check(settings.Cluster),
            () => CallbackHosting.Check(settings.Callback),
            () => AuthorizationHosting.Check(settings.Authorization, settings.Request.DriverToken.Rules),
        ];
        string[] problems = [.. checks.SelectMany(ProblemsOf)];
        if (problems.Length > 0)
            throw new InvalidSettingsException(problems);
    }

    private static IReadOnlyList<string> ProblemsOf(Action check)
    {
        try
        {
            check();
            return [];
        }
        catch (InvalidSettingsException e)
        {
            return e.Problems;
        }
        // The last two: a file that the system refuses for another reason than being missing, such as its long name.
        catch (Exception e)
            when (e is InvalidAclException or InvalidJournalException or IOException or UnauthorizedAccessException)
        {
            return [e.Message];
        }
    }
}
