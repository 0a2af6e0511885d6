using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AkkaCharging.Host.Admin;
using AkkaCharging.Host.Http;

namespace AkkaCharging.Host.Cli;

/// <summary>Lists, redrives and discards the dead letters of the running service.</summary>
internal sealed class DeadLettersCommand
{
    private const string Route = "/admin/dead-letters";
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(500);

    private static readonly Table<DeadLetterAnswer> Columns = new([
        ("REQUEST", 40, letter => letter.RequestId),
        ("STATUS", 11, letter => letter.Status ?? Cells.None),
        ("FAILED", 24, letter => Cells.OfMillis(letter.SettledAt)),
        ("ATTEMPTS", 8, letter => letter.Attempts.ToString(CultureInfo.InvariantCulture)),
        ("LAST CAUSE", 18, letter => letter.LastAttempt?.Cause ?? Cells.None),
        ("STATION", 36, letter => letter.StationId),
        ("DESTINATION", 0, letter => letter.Destination),
    ]);

    private readonly Option<string?> _tokenFile = OperatorClient.CreateTokenFileOption();
    private readonly Option<string?> _config;
    private readonly TextWriter _output;
    private readonly TextWriter _error;

    private DeadLettersCommand(Option<string?> config, TextWriter output, TextWriter error) =>
        (_config, _output, _error) = (config, output, error);

    /// <summary>Creates the command.</summary>
    /// <param name="config">The option that names the settings file.</param>
    public static Command Create(Option<string?> config, TextWriter output, TextWriter error)
    {
        var letters = new DeadLettersCommand(config, output, error);
        return new Command("dead-letters", "List, redrive and discard the dead letters of the running service.")
        {
            letters._tokenFile,
            letters.CreateList(),
            letters.CreateRedrive(),
            letters.CreateDiscard(),
        };
    }

    private Command CreateList()
    {
        var filters = new DeadLetterFilters();
        var limit = ListOptions.CreateLimit("dead letters");
        var json = ListOptions.CreateJson();
        var list = new Command("list", "List dead letters, newest first.");
        filters.AddTo(list);
        list.Add(limit);
        list.Add(json);
        list.SetAction(
            (parsed, cancellation) =>
                RunAsync(
                    parsed,
                    service =>
                        ListAsync(
                            service,
                            Query([.. filters.Given(parsed)]),
                            parsed.GetValue(limit),
                            parsed.GetValue(json),
                            cancellation
                        )
                )
        );
        return list;
    }

    private Command CreateRedrive()
    {
        var id = new Argument<string?>("ID")
        {
            Description = "The request to redrive; without it, those that the options select.",
            DefaultValueFactory = _ => null,
        };
        var filters = new DeadLetterFilters();
        var all = new Option<bool>("--all") { Description = "Every dead letter; excludes the other options." };
        var redrive = new Command("redrive", "Call back again, and follow the progress when there are several.") { id };
        filters.AddTo(redrive);
        redrive.Add(all);
        redrive.Validators.Add(parsed =>
        {
            var selects = parsed.GetValue(all) || filters.AreGiven(parsed);
            if (selects == parsed.GetValue(id) is not null)
                parsed.AddError("Name one request, or select several by --destination, --cause, a time or --all.");
        });
        redrive.SetAction(
            (parsed, cancellation) =>
                RunAsync(
                    parsed,
                    service =>
                        parsed.GetValue(id) is { } one
                            ? ChangeAsync(service, one, "redrive", cancellation)
                            : RedriveManyAsync(service, filters.ToBody(parsed, parsed.GetValue(all)), cancellation)
                )
        );
        return redrive;
    }

    private Command CreateDiscard()
    {
        var id = new Argument<string>("ID") { Description = "The request to discard." };
        var discard = new Command("discard", "Discard a dead letter: its secrets are erased, it can't be redriven.")
        {
            id,
        };
        discard.SetAction(
            (parsed, cancellation) =>
                RunAsync(parsed, service => ChangeAsync(service, parsed.GetValue(id)!, "discard", cancellation))
        );
        return discard;
    }

    private Task<int> RunAsync(ParseResult parsed, Func<OperatorClient, Task> run) =>
        OperatorClient.RunAsync(parsed.GetValue(_config), parsed.GetValue(_tokenFile), _error, run);

    private async Task ListAsync(
        OperatorClient service,
        string query,
        int limit,
        bool json,
        CancellationToken cancellation
    )
    {
        if (!json)
            await _output.WriteLineAsync(Columns.Head(_output));
        var listed = 0;
        for (string? cursor = null; ; )
        {
            var page = await service.GetAsync(
                $"{Route}?{query}{Query(("cursor", cursor))}",
                AdminJson.Default.DeadLettersAnswer,
                cancellation
            );
            foreach (var id in page.Damaged)
                await _error.WriteLineAsync($"{id} is left out, because it cannot be read; the log says why.");
            foreach (var letter in page.DeadLetters)
            {
                if (listed++ == limit)
                {
                    await _error.WriteLineAsync(ListOptions.MoreThan(limit));
                    return;
                }

                await _output.WriteLineAsync(
                    json ? ReadableJson.Text(letter, AdminJson.Default.DeadLetterAnswer) : Columns.Row(_output, letter)
                );
            }

            if ((cursor = page.Next) is null)
                return;
        }
    }

    private async Task ChangeAsync(OperatorClient service, string id, string change, CancellationToken cancellation)
    {
        var changed = await service.PostAsync(
            $"{Route}/{Uri.EscapeDataString(id)}/{change}",
            body: "",
            AdminJson.Default.LetterChangeAnswer,
            cancellation
        );
        await _output.WriteLineAsync($"{changed.Status} {changed.RequestId}");
    }

    private async Task RedriveManyAsync(OperatorClient service, BulkRedriveBody body, CancellationToken cancellation)
    {
        var progress = await service.PostAsync(
            $"{Route}/redrive",
            JsonSerializer.Serialize(body, AdminJson.Default.BulkRedriveBody),
            AdminJson.Default.BulkRedriveAnswer,
            cancellation
        );
        await _output.WriteLineAsync(
            $"{progress.Matched} match. The service goes on when this command is interrupted."
        );
        var startedAt = progress.StartedAt;
        var shown = new Progress(_error, TimeProvider.System);
        try
        {
            while (progress.EndedAt is null)
            {
                await Task.Delay(ProgressInterval, cancellation);
                progress = await service.GetAsync(
                    $"{Route}/redrive",
                    AdminJson.Default.BulkRedriveAnswer,
                    cancellation
                );
                // The service tells of its latest redrive only, whose numbers may be those of somebody else's.
                if (progress.StartedAt != startedAt)
                    throw new OperatorException(
                        "Another redrive was started after this one, whose result is no longer known."
                    );
                shown.Report(() => $"{progress.Redriven} redriven, {progress.Remaining} remaining");
            }
        }
        finally
        {
            shown.Clear(); // what follows, such as an error, gets a line of its own
        }

        await _output.WriteLineAsync(
            $"{progress.State}: {progress.Redriven} redriven, {progress.PassedOver} passed over"
        );
        if (!progress.State.Equals("done", StringComparison.Ordinal))
            throw new OperatorException($"The redrive ended early ({progress.State}). {progress.Problem}".TrimEnd());
    }

    private static string Query(params ReadOnlySpan<(string Name, string? Value)> parts)
    {
        var query = "";
        foreach (var (name, value) in parts)
        {
            if (value is not null)
                query += $"{name}={Uri.EscapeDataString(value)}&";
        }

        return query;
    }
}
