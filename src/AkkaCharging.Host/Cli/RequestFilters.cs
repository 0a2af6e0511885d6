using System.CommandLine;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Cli;

/// <summary>The options of commands that list requests from the journal.</summary>
internal sealed class RequestFilters
{
    private const string ATime = "an RFC 3339 time with offset, such as 2026-01-31T18:00:00Z";

    private readonly Option<StationId?> _station = Parsed(
        "--station",
        "UUID",
        "Only requests of this charging station.",
        StationId.TryCreate,
        "a station's UUID"
    );
    private readonly Option<Given<byte[]>?> _fingerprint = Parsed(
        "--token-fingerprint",
        "HEX",
        "Only requests of the driver token with this fingerprint.",
        Fingerprint,
        $"{IdempotencyHasher.FingerprintDigits} hexadecimal digits"
    );
    private readonly Option<bool> _fromInput = new("--token-stdin")
    {
        Description = "Only requests of the driver token on standard input; requires the journal's keys.",
    };
    private readonly Option<Given<DestinationKey>?> _destination = Parsed(
        "--destination",
        "URL",
        "Only requests that are called back to this scheme, host and port.",
        Destination,
        "scheme, host and port such as https://receiver.example.com:443"
    );
    private readonly Option<Given<RequestState>?> _state = Word<RequestState>(
        "--state",
        "Only requests in this state",
        StateNames.Name
    );
    private readonly Option<Given<AttemptCause>?> _cause = Word<AttemptCause>(
        "--cause",
        "Only requests whose last callback attempt failed for this cause",
        AttemptCauses.Name
    );
    private readonly Option<Given<DateTimeOffset>?> _from = Parsed(
        "--from",
        "TIME",
        "Only requests accepted at or after this time (RFC 3339).",
        Time,
        ATime
    );
    private readonly Option<Given<DateTimeOffset>?> _to = Parsed(
        "--to",
        "TIME",
        "Only requests accepted before this time (RFC 3339).",
        Time,
        ATime
    );
    private readonly Option<int> _limit = ListOptions.CreateLimit("requests");
    private readonly Option<bool> _json = ListOptions.CreateJson();

    /// <summary>Sets up <paramref name="command"/> to list the requests that its options select.</summary>
    /// <param name="config">The option that names the settings file.</param>
    /// <param name="json">Formats a request as a line of JSON.</param>
    public static Command CreateList(
        Command command,
        Option<string?> config,
        Table<RequestRecord> table,
        Func<RequestRecord, string> json,
        TextReader input,
        TextWriter output,
        TextWriter error
    )
    {
        var filters = new RequestFilters();
        filters.AddTo(command);
        command.SetAction(
            (parsed, cancellation) =>
                JournalCommands.RunAsync(
                    parsed.GetValue(config),
                    error,
                    settings =>
                        filters.ListAsync(
                            parsed,
                            settings.Journal,
                            table: table,
                            json: json,
                            input: input,
                            output: output,
                            error: error,
                            cancellation: cancellation
                        )
                )
        );
        return command;
    }

    private void AddTo(Command command)
    {
        command.Add(_station);
        command.Add(_fingerprint);
        command.Add(_fromInput);
        command.Add(_destination);
        command.Add(_state);
        command.Add(_cause);
        command.Add(_from);
        command.Add(_to);
        command.Add(_limit);
        command.Add(_json);
        command.Validators.Add(parsed =>
        {
            if (parsed.GetResult(_fingerprint) is not null && parsed.GetValue(_fromInput))
                parsed.AddError("--token-fingerprint and --token-stdin cannot be combined.");
        });
    }

    /// <exception cref="InvalidDataException">Standard input contains no driver token.</exception>
    private async Task ListAsync(
        ParseResult parsed,
        JournalSettings settings,
        Table<RequestRecord> table,
        Func<RequestRecord, string> json,
        TextReader input,
        TextWriter output,
        TextWriter error,
        CancellationToken cancellation
    )
    {
        await using var audit = await OpenAsync(settings, cancellation);
        var query = new RequestQuery(
            Station: parsed.GetValue(_station),
            TokenFingerprint: parsed.GetValue(_fromInput)
                ? await audit.FingerprintAsync(await ReadTokenAsync(input, cancellation))
                : parsed.GetValue(_fingerprint)?.Value,
            From: parsed.GetValue(_from)?.Value,
            To: parsed.GetValue(_to)?.Value,
            Destination: parsed.GetValue(_destination)?.Value,
            State: parsed.GetValue(_state)?.Value,
            Cause: parsed.GetValue(_cause)?.Value
        );
        var isJson = parsed.GetValue(_json);
        var limit = parsed.GetValue(_limit);
        if (!isJson)
            await output.WriteLineAsync(table.Head(output));
        var listed = 0;
        await foreach (var record in audit.ReadAsync(query, limit + 1L, row => ReportDamage(error, row)))
        {
            if (listed++ == limit)
            {
                await error.WriteLineAsync(ListOptions.MoreThan(limit));
                break;
            }

            await output.WriteLineAsync(isJson ? json(record) : table.Row(output, record));
        }
    }

    private static void ReportDamage(TextWriter error, DamagedRow row) =>
        error.WriteLine($"{row.Id} is left out, because it cannot be read: {row.Damage}");

    /// <summary>Opens the journal of <paramref name="settings"/> for reading.</summary>
    /// <exception cref="InvalidJournalException">There is no journal to read.</exception>
    public static async Task<IJournalAudit> OpenAsync(JournalSettings settings, CancellationToken cancellation) =>
        settings.Kind switch
        {
            JournalKind.Sqlite => SqliteAudit.Open(settings),
            JournalKind.Postgres => await PostgresAudit.OpenAsync(settings, cancellation),
            _ => throw new InvalidJournalException(
                "journal.kind = memory stores nothing that can be read here; the decisions are in the service's "
                    + "log (event 1001)."
            ),
        };

    private static async Task<DriverToken> ReadTokenAsync(TextReader input, CancellationToken cancellation) =>
        DriverToken.TryCreate((await input.ReadLineAsync(cancellation))?.Trim(), DriverTokenRules.Widest)
        ?? throw new InvalidDataException(
            $"Standard input contains no driver token; expected {DriverTokenRules.Widest.Expected}, on its first "
                + "line."
        );

    /// <summary>
    /// The value of an option. Without the option it is null, whereas the parser would supply a default time or an
    /// empty array.
    /// </summary>
    private sealed record Given<T>(T Value);

    private static Given<DestinationKey>? Destination(string text) =>
        CallbackAddressPolicy.ReadDestination(text) is { } destination ? new(destination) : null;

    private static Given<DateTimeOffset>? Time(string text) => Rfc3339.TryParse(text, out var time) ? new(time) : null;

    private static Given<byte[]>? Fingerprint(string text) =>
        IdempotencyHasher.ReadFingerprint(text) is { } fingerprint ? new(fingerprint) : null;

    private static Option<Given<T>?> Word<T>(string name, string description, Func<T, string> spell)
        where T : struct, Enum
    {
        var words = Enum.GetValues<T>().ToDictionary(spell, StringComparer.Ordinal);
        var list = string.Join(", ", words.Keys);
        var option = Parsed(
            name,
            "WORD",
            $"{description}: {list}.",
            text => words.TryGetValue(text, out var word) ? new Given<T>(word) : null,
            $"one of {list}"
        );
        option.CompletionSources.Add([.. words.Keys]);
        return option;
    }

    /// <remarks>Errors never repeat the input, which could be a misplaced driver token.</remarks>
    private static Option<T?> Parsed<T>(
        string name,
        string argument,
        string description,
        Func<string, T?> parse,
        string expected
    )
        where T : class =>
        new(name)
        {
            Description = description,
            HelpName = argument,
            CustomParser = result =>
            {
                var value = parse(result.Tokens[0].Value);
                if (value is null)
                    result.AddError($"{name} expects {expected}.");
                return value;
            },
        };
}
