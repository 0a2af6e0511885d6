using System.CommandLine;
using System.Globalization;
using AkkaCharging.Journal;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Cli;

/// <summary>Moves a journal from a SQLite file into the PostgreSQL journal that the settings name.</summary>
internal static class MigrateCommand
{
    /// <summary>Creates the command.</summary>
    /// <param name="config">The option that names the settings file.</param>
    public static Command Create(Option<string?> config, TextWriter output, TextWriter error)
    {
        var from = new Option<string>("--from")
        {
            Description = "The SQLite file to move: the former journal.path.",
            HelpName = "FILE",
            Required = true,
        };
        var command = new Command(
            "migrate-journal",
            "Move a journal from a SQLite file into the empty PostgreSQL journal that the settings name. No "
                + "service may be using either of them."
        )
        {
            from,
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                if (CommandLine.Load(parsed.GetValue(config), error) is not { Journal: var target })
                    return 1;
                if (target.Kind != JournalKind.Postgres)
                {
                    await error.WriteLineAsync(
                        "The settings name no PostgreSQL journal to move to; expected journal.kind = postgres."
                    );
                    return 1;
                }

                var progress = new Progress(error, TimeProvider.System);
                try
                {
                    var moved = await JournalMigration.RunAsync(
                        parsed.GetValue(from)!,
                        target,
                        TimeProvider.System,
                        (copied, all) =>
                            progress.Report(() =>
                                string.Create(
                                    CultureInfo.InvariantCulture,
                                    $"Copied {copied:N0} of {all:N0} rows ({100.0 * copied / all:N0} %)"
                                )
                            ),
                        (id, damage) =>
                        {
                            progress.Clear();
                            error.WriteLine($"{id} cannot be moved: {damage}");
                        },
                        cancellation
                    );
                    progress.Clear();
                    await output.WriteLineAsync(
                        $"Moved {moved.Requests} requests, {moved.Unsettled} of them pending, and "
                            + $"{moved.IdempotencyKeys} idempotency keys."
                            + (moved.MovedTo is null ? "" : $" The file is now {moved.MovedTo}.")
                    );
                    if (moved.Problem is null)
                        return 0;
                    await error.WriteLineAsync(moved.Problem);
                    return 1;
                }
                // The last two: a file next to the journal cannot be written, as on a read-only disk.
                catch (Exception e)
                    when (e
                            is InvalidJournalException
                                or JournalUnavailableException
                                or IOException
                                or UnauthorizedAccessException
                    )
                {
                    progress.Clear();
                    await error.WriteLineAsync(e.Message);
                    return 1;
                }
            }
        );
        return command;
    }
}
