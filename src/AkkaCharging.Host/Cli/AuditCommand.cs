using System.CommandLine;
using System.Text.Json.Serialization;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Requests;

namespace AkkaCharging.Host.Cli;

/// <summary>A line of <c>audit --json</c>; nulls are omitted.</summary>
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
/// Lists decision records from the journal, without driver tokens and callback paths, whether or not a service has it
/// open.
/// </summary>
internal static class AuditCommand
{
    /// <summary>
    /// The columns with fixed widths for their longest values, so that rows can be written as they are read.
    /// </summary>
    private static readonly Table<RequestRecord> Columns = new([
        ("REQUEST", 40, record => record.Id.ToString()),
        ("STATION", 36, record => record.StationId),
        ("TOKEN", 7, record => record.DriverTokenMasked),
        (
            "FINGERPRINT",
            IdempotencyHasher.FingerprintDigits,
            record => Convert.ToHexStringLower(record.TokenFingerprint)
        ),
        ("STATUS", 11, record => record.Decision?.Status.Name() ?? Cells.None),
        ("REASON", 19, record => record.Decision?.Reason.Name() ?? Cells.None),
        ("STATE", 9, record => record.State.Name()),
        ("ACCEPTED", 24, record => Cells.Of(record.AcceptedAt)),
        ("DECIDED", 24, record => Cells.Of(record.Decision?.DecidedAt)),
        ("SETTLED", 24, record => Cells.Of(record.SettledAt)),
        ("API KEY", 0, record => Cells.Of(record.ApiKeyName)),
    ]);

    /// <summary>Creates the command.</summary>
    /// <param name="config">The option that names the settings file.</param>
    public static Command Create(Option<string?> config, TextReader input, TextWriter output, TextWriter error) =>
        RequestFilters.CreateList(
            new Command(
                "audit",
                "List decisions, newest first, from the journal on disk or in the database. The service need not be "
                    + "running."
            ),
            config,
            table: Columns,
            json: record => ReadableJson.Text(Line(record), AuditJson.Default.AuditLine),
            input: input,
            output: output,
            error: error
        );

    private static AuditLine Line(RequestRecord record) =>
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
}
