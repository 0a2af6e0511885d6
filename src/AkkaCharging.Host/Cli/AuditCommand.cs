using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using System.Text.Json.Serialization;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Cli;

/// <summary>One line of <c>audit --json</c>; nulls are left out.</summary>
internal sealed record AuditLine(
    string RequestId,
    string StationId,
    string DriverToken,
    string TokenFingerprint,
    string State,
    string? Status,
    string? Reason,
    DateTime AcceptedAt,
    DateTime? DecidedAt,
    DateTime? SettledAt,
    string? ApiKeyName
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(AuditLine))]
internal sealed partial class AuditJson : JsonSerializerContext;

/// <summary>
/// Lists decision records from the journal, whether or not a service has it open: no driver token, no callback path.
/// </summary>
internal static class AuditCommand
{
    private const int LimitDefault = 100;
    private const int FingerprintDigits = 2 * IdempotencyHasher.FingerprintBytes;
    private const string ATime = "an RFC 3339 time with offset, such as 2026-01-31T18:00:00Z";

    /// <summary>
    /// Columns and their widths: each holds its longest value, so that rows can be written as they come.
    /// </summary>
    private static readonly (string Title, int Width, Func<AuditRecord, string> Read)[] Columns =
    [
        ("REQUEST", 40, record => record.Id.ToString()),
        ("STATION", 36, record => record.StationId),
        ("TOKEN", 7, record => record.DriverTokenMasked),
        ("FINGERPRINT", FingerprintDigits, record => Convert.ToHexStringLower(record.TokenFingerprint)),
        ("STATUS", 11, record => record.Decision?.Status.Name() ?? "-"),
        ("REASON", 19, record => record.Decision?.Reason.Name() ?? "-"),
        ("STATE", 9, record => record.State.Name()),
        ("ACCEPTED", 24, record => Text(record.AcceptedAt)),
        ("DECIDED", 24, record => Text(record.Decision?.DecidedAt)),
        ("SETTLED", 24, record => Text(record.SettledAt)),
        ("API KEY", 0, record => record.ApiKeyName is { } name ? Printable(name) : "-"),
    ];

    /// <summary>The command.</summary>
    /// <param name="config">The option that names the settings file.</param>
    public static Command Create(Option<string?> config, TextReader input, TextWriter output, TextWriter error)
    {
        var station = Parsed(
            "--station",
            "UUID",
            "Only requests of this charging station.",
            StationId.TryCreate,
            "a station's UUID"
        );
        var fingerprint = Parsed(
            "--token-fingerprint",
            "HEX",
            "Only requests of the driver token with this fingerprint.",
            Fingerprint,
            $"{FingerprintDigits} hexadecimal digits"
        );
        var fromInput = new Option<bool>("--token-stdin")
        {
            Description = "Only requests of the driver token on standard input; requires the journal's keys.",
        };
        var from = Parsed("--from", "TIME", "Accepted at or after this time; RFC 3339.", Time, ATime);
        var to = Parsed("--to", "TIME", "Accepted before this time; RFC 3339.", Time, ATime);
        var limit = new Option<int>("--limit")
        {
            Description = "Maximum number of decisions.",
            HelpName = "N",
            DefaultValueFactory = _ => LimitDefault,
            CustomParser = Limit,
        };
        var json = new Option<bool>("--json") { Description = "One JSON object per line." };
        var command = new Command(
            "audit",
            "List decisions, newest first, from the journal on disk or in the database. The service need not be "
                + "running."
        )
        {
            station,
            fingerprint,
            fromInput,
            from,
            to,
            limit,
            json,
        };
        command.Validators.Add(parsed =>
        {
            if (parsed.GetResult(fingerprint) is not null && parsed.GetValue(fromInput))
                parsed.AddError("--token-fingerprint and --token-stdin exclude each other.");
        });
        command.SetAction(
            async (parsed, cancellation) =>
            {
                if (CommandLine.Load(parsed.GetValue(config), error) is not { Journal: var journal })
                    return 1;
                var query = new AuditQuery(
                    parsed.GetValue(station),
                    parsed.GetValue(fingerprint)?.Value,
                    parsed.GetValue(from)?.Value,
                    parsed.GetValue(to)?.Value
                );
                try
                {
                    await ListAsync(
                        journal,
                        query,
                        token: parsed.GetValue(fromInput) ? input : null,
                        limit: parsed.GetValue(limit),
                        json: parsed.GetValue(json),
                        output: output,
                        error: error,
                        cancellation: cancellation
                    );
                    return 0;
                }
                catch (Exception e)
                    when (e is InvalidJournalException or JournalUnavailableException or InvalidDataException)
                {
                    await error.WriteLineAsync(e.Message);
                    return 1;
                }
            }
        );
        return command;
    }

    private static async Task ListAsync(
        JournalSettings settings,
        AuditQuery query,
        TextReader? token,
        int limit,
        bool json,
        TextWriter output,
        TextWriter error,
        CancellationToken cancellation
    )
    {
        await using IJournalAudit audit = settings.Kind switch
        {
            JournalKind.Sqlite => SqliteAudit.Open(settings),
            JournalKind.Postgres => await PostgresAudit.OpenAsync(settings, cancellation),
            _ => throw new InvalidJournalException(
                "journal.kind = memory keeps nothing that could be audited; its decisions are in the service's "
                    + "log (event 1001)."
            ),
        };
        if (token is not null)
            query = query with
            {
                TokenFingerprint = await audit.FingerprintAsync(await ReadTokenAsync(token, cancellation)),
            };

        if (!json)
            await output.WriteLineAsync(Row(Columns.Select(column => column.Title)));
        var listed = 0;
        await foreach (var record in audit.ReadAsync(query, limit + 1L))
        {
            if (listed++ == limit)
            {
                await error.WriteLineAsync($"There are more than {limit}: raise --limit, or narrow --from and --to.");
                break;
            }

            await output.WriteLineAsync(
                json
                    ? JsonSerializer.Serialize(Line(record), AuditJson.Default.AuditLine)
                    : Row(Columns.Select(column => column.Read(record)))
            );
        }
    }

    private static async Task<DriverToken> ReadTokenAsync(TextReader input, CancellationToken cancellation) =>
        DriverToken.TryCreate((await input.ReadLineAsync(cancellation))?.Trim(), DriverTokenRules.Widest)
        ?? throw new InvalidDataException(
            $"Standard input holds no driver token; expected {DriverTokenRules.Widest.Expected}, on its first line."
        );

    private static AuditLine Line(AuditRecord record) =>
        new(
            RequestId: record.Id.ToString(),
            StationId: record.StationId,
            DriverToken: record.DriverTokenMasked,
            TokenFingerprint: Convert.ToHexStringLower(record.TokenFingerprint),
            State: record.State.Name(),
            Status: record.Decision?.Status.Name(),
            Reason: record.Decision?.Reason.Name(),
            AcceptedAt: record.AcceptedAt.UtcDateTime,
            DecidedAt: record.Decision?.DecidedAt.UtcDateTime,
            SettledAt: record.SettledAt?.UtcDateTime,
            ApiKeyName: record.ApiKeyName
        );

    // the name of an API key is free text
    private static string Printable(string text) =>
        string.Concat(text.Select(letter => char.IsControl(letter) ? '?' : letter));

    private static string Row(IEnumerable<string> cells) =>
        string.Join("  ", cells.Zip(Columns, (cell, column) => cell.PadRight(column.Width)));

    private static string Text(DateTimeOffset? time) =>
        time is { } at ? $"{at.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ}" : "-";

    /// <summary>
    /// What an option says; null without the option, for which the parser would make up a time and an empty array.
    /// </summary>
    private sealed record Given<T>(T Value);

    private static Given<DateTimeOffset>? Time(string text) => Rfc3339.TryParse(text, out var time) ? new(time) : null;

    private static Given<byte[]>? Fingerprint(string text) =>
        text.Length == FingerprintDigits && text.All(char.IsAsciiHexDigit) ? new(Convert.FromHexString(text)) : null;

    private static int Limit(ArgumentResult result)
    {
        if (int.TryParse(result.Tokens[0].Value, out var limit) && limit > 0)
            return limit;
        result.AddError("--limit expects a whole number from 1 on.");
        return LimitDefault;
    }

    /// <remarks>No error repeats what was given: it could be a driver token in the wrong place.</remarks>
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
