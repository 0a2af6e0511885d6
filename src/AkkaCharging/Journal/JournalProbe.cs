using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal;

/// <summary>The severity of a finding.</summary>
internal enum ProbeSeverity
{
    /// <summary>Everything is in order.</summary>
    Ok,

    /// <summary>The journal works, but an operator should look at the finding.</summary>
    Warning,

    /// <summary>A service could not accept requests.</summary>
    Failed,
}

/// <summary>A finding about a journal; contains no secret.</summary>
internal readonly record struct ProbeFinding(ProbeSeverity Severity, string Text);

/// <summary>Checks whether a service could open a journal, without taking it from its owner or changing it.</summary>
internal static class JournalProbe
{
    private const long ScarceBytes = 1L << 30;
    private static readonly TimeSpan SkewMax = TimeSpan.FromSeconds(5);

    /// <summary>Examines the journal of <paramref name="settings"/>.</summary>
    /// <exception cref="InvalidJournalException">The journal can never be opened with these settings.</exception>
    /// <exception cref="JournalUnavailableException">The file or the database cannot be reached.</exception>
    public static async Task<IReadOnlyList<ProbeFinding>> ExamineAsync(
        JournalSettings settings,
        CancellationToken cancellation
    ) =>
        settings.Kind switch
        {
            JournalKind.Sqlite => await ExamineFileAsync(settings),
            JournalKind.Postgres => await ExamineDatabaseAsync(settings, cancellation),
            _ => [new(ProbeSeverity.Ok, "The journal is kept in memory.")],
        };

    private static async Task<IReadOnlyList<ProbeFinding>> ExamineFileAsync(JournalSettings settings)
    {
        var path = SqliteFile.RealPath(settings.Path);
        var folder = Path.GetDirectoryName(path)!;
        while (!Path.Exists(folder)) // the start creates missing ones
            folder = Path.GetDirectoryName(folder)!;
        if (WriteProblem(folder) is { } problem)
            return [new(ProbeSeverity.Failed, $"No file can be written next to {settings.Path}: {problem}")];

        var findings = new List<ProbeFinding> { new(ProbeSeverity.Ok, $"Its folder {folder} can be written.") };
        var free = new DriveInfo(folder).AvailableFreeSpace;
        findings.Add(
            new(
                free < ScarceBytes ? ProbeSeverity.Warning : ProbeSeverity.Ok,
                $"{free / (double)ScarceBytes:N1} GiB are free there."
            )
        );
        if (!File.Exists(path))
        {
            findings.Add(new(ProbeSeverity.Ok, $"{settings.Path} is created at the first start."));
            return findings;
        }

        await using var audit = SqliteAudit.OpenAnyVersion(settings);
        audit.CheckKeys();
        findings.Add(new(ProbeSeverity.Ok, $"{settings.Path} can be read with the configured keys."));
        if (audit.DescribeOlder() is { } older)
        {
            findings.Add(new(ProbeSeverity.Warning, older));
            return findings;
        }

        var newest = (await audit.ReadPageAsync(new(), before: null, rows: 1)).SingleOrDefault().Row;
        if (newest is not null && newest.AcceptedAt > TimeProvider.System.GetUtcNow() + SkewMax)
            findings.Add(
                new(
                    ProbeSeverity.Warning,
                    "Its newest request is dated in the future: this machine's clock was set back."
                )
            );
        return findings;
    }

    private static async Task<IReadOnlyList<ProbeFinding>> ExamineDatabaseAsync(
        JournalSettings settings,
        CancellationToken cancellation
    )
    {
        await using var connections = new PostgresConnections(settings.ConnectionString);
        return await PostgresProblem.ReadAsync(async () =>
        {
            await using var connection = await connections.OpenOwnAsync(cancellation);
            await PostgresSchema.CheckKeysAsync(connection, KeySource.Required(settings));
            var older = await PostgresSchema.DescribeOlderAsync(connection);
            var now = TimeProvider.System.GetUtcNow();
            var skew = (await connection.ScalarAsync<DateTime>("SELECT clock_timestamp()")) - now.UtcDateTime;
            return (IReadOnlyList<ProbeFinding>)
                [
                    new(ProbeSeverity.Ok, $"The database answers: PostgreSQL {connection.PostgreSqlVersion}."),
                    new(
                        skew.Duration() > SkewMax ? ProbeSeverity.Warning : ProbeSeverity.Ok,
                        $"The database's clock differs from this machine's by {skew.TotalSeconds:N1} s."
                    ),
                    .. older is null ? Array.Empty<ProbeFinding>() : [new(ProbeSeverity.Warning, older)],
                ];
        });
    }

    /// <summary>Returns why nothing can be written in <paramref name="folder"/>; null when it is writable.</summary>
    private static string? WriteProblem(string folder)
    {
        try
        {
            using var file = new FileStream(
                Path.Combine(folder, $".doctor-{Guid.NewGuid():N}"),
                FileMode.CreateNew,
                FileAccess.Write,
                FileShare.None,
                bufferSize: 1,
                FileOptions.DeleteOnClose
            );
            file.WriteByte(0);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }
}
